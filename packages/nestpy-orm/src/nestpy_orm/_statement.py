"""Builds one statement: text and values, never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from piccolo.columns.combination import CombinableMixin

from ._engine import compiled
from ._entity import Entity


class Statement:
    """The values of one statement, in the order of their placeholders.

    Attributes:
        dialect: whose placeholders it writes.
        arguments: the values.
    """

    __slots__ = ("_aliases", "arguments", "dialect")

    def __init__(self, dialect: Literal["postgres", "sqlite"]) -> None:
        self.dialect = dialect
        self.arguments: list[Any] = []
        self._aliases = 0

    def value(self, value: Any) -> str:
        """Take in a value and return its placeholder."""
        self.arguments.append(value)
        return f"${len(self.arguments)}" if self.dialect == "postgres" else "?"

    def members(self, values: Sequence[Any]) -> str:
        """Take in values and return what follows the name of a column that holds one of them; there is at least one.

        PostgreSQL gets one array, so that it has one statement to prepare for however many values.
        """
        if self.dialect == "postgres":
            return f" = ANY({self.value(list(values))})"
        return f" IN ({', '.join(map(self.value, values))})"

    def alias(self) -> str:
        """Return a name for a table that no other of this statement has."""
        self._aliases += 1
        return f"nestpy_{self._aliases}"


def conjunction(parts: list[str]) -> str:
    """Return ``WHERE`` with all of *parts* that are not empty, or nothing."""
    kept = [part for part in parts if part]
    return f" WHERE {' AND '.join(kept)}" if kept else ""


def wheres(entity: Entity, database: Any, statement: Statement, given: tuple[Any, ...]) -> list[str]:
    """Return the SQL of the conditions that a caller of a repository gave: piccolo's or core's."""
    from ._condition import condition_sql

    found = []
    for where in given:
        if isinstance(where, CombinableMixin):
            found.append(compiled(database, where, statement.arguments))
        else:
            found.append(condition_sql(where, entity, statement))
    return found

"""Orders lists by fields, and goes on behind a row (keyset), the same on every database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nestpy_core import Record

from ._entity import Entity, Field
from ._statement import Statement
from .errors import FieldDeniedError, InvalidCursorError, InvalidFieldError


class Step(Record, frozen=True, eq=False):
    """One field of an order."""

    field: Field
    descending: bool

    @property
    def sql(self) -> str:
        """What stands in ``ORDER BY``: rows without a value come last, whichever way it goes."""
        direction = " DESC" if self.descending else ""
        return f"{self.field.sql}{direction} NULLS LAST" if self.field.nullable else f"{self.field.sql}{direction}"

    @property
    def word(self) -> str:
        """How callers write it: ``-name`` for descending."""
        return f"-{self.field.name}" if self.descending else self.field.name


def read_order(entity: Entity, words: Sequence[str], visible: frozenset[str] | None) -> tuple[Step, ...]:
    """Return the steps of ``["-created_at", "name"]``, made total by the primary key.

    Args:
        entity: what is listed.
        words: field names, with a minus for descending.
        visible: the fields that the actor may read; None for all. By others nothing is ordered: it would tell of them.

    Raises:
        InvalidFieldError: there is no such field, or it never leaves.
        FieldDeniedError: the actor may not read it.
    """
    steps = []
    for word in words:
        name = word.removeprefix("-")
        check_visible(entity, name, visible, place="sort")
        steps.append(Step(entity.fields[name], word.startswith("-")))
    if not any(step.field is entity.key for step in steps):
        steps.append(Step(entity.key, steps[-1].descending if steps else False))
    return tuple(steps)


def check_visible(entity: Entity, name: str, visible: frozenset[str] | None, *, place: str = "") -> Field:
    """Return a field that a caller named in a sorting or a filter, once it is known to be theirs to see.

    Raises:
        InvalidFieldError: there is no such field, or it never leaves.
        FieldDeniedError: the actor may not read it.
    """
    field = entity.fields.get(name)
    if field is None or name in entity.exposure.hidden or field.source._meta.secret:  # piccolo's own
        raise InvalidFieldError(place or name, "Expected a field of this list", code="unknown_field")
    if visible is not None and name not in visible:
        raise FieldDeniedError(name)
    return field


def order_sql(steps: Sequence[Step]) -> str:
    """Return the ``ORDER BY`` of *steps*."""
    return f" ORDER BY {', '.join(step.sql for step in steps)}"


def order_words(steps: Sequence[Step]) -> str:
    """Return what a cursor keeps of its order."""
    return ",".join(step.word for step in steps)


def behind(steps: Sequence[Step], values: Sequence[Any], statement: Statement) -> str:
    """Return SQL that holds for the rows that come after the one with *values*."""
    if len(values) != len(steps):
        raise InvalidCursorError
    typed = [_typed(step.field, value) for step, value in zip(steps, values, strict=True)]
    parts = []
    for index, step in enumerate(steps):
        if typed[index] is None:
            continue  # nothing comes after the rows without a value but what a later field tells apart
        conditions = [
            f"{before.field.sql} IS NULL" if held is None else f"{before.field.sql} = {statement.value(held)}"
            for before, held in zip(steps[:index], typed[:index], strict=True)
        ]
        conditions.append(_after(step, typed[index], statement))
        parts.append(f"({' AND '.join(conditions)})")
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def _after(step: Step, value: Any, statement: Statement) -> str:
    sql = step.field.sql
    later = f"{sql} {'<' if step.descending else '>'} {statement.value(value)}"
    return f"({later} OR {sql} IS NULL)" if step.field.nullable else later


def _typed(field: Field, value: Any) -> Any:
    if value is None:
        return None
    try:
        return field.stored(msgspec.convert(value, field.kind, strict=False))
    except (msgspec.ValidationError, InvalidFieldError):
        raise InvalidCursorError from None

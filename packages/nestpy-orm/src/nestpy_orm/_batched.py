"""Reads rows for many keys at once: one query, however many keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from piccolo.table import Table

from nestpy_core import Page, Record

from ._entity import Field
from ._order import Step, behind, order_sql, order_words, read_order
from ._scope import Scoped
from ._statement import Statement, conjunction, wheres
from .errors import EntityError

T = TypeVar("T", bound=Table)

_NUMBER = '"nestpy_number"'
_MOST = 30_000
"""SQLite takes 32,766 values in one statement."""


class _Page(Record, frozen=True, eq=False):
    """What each page of a statement is to hold."""

    where: tuple[Any, ...]
    steps: tuple[Step, ...]
    after: str | None
    count: int


class Batched(Scoped[T]):
    """What a repository reads for many rows of another entity at once."""

    async def by_keys(self, keys: Iterable[Any], *, field: str = "") -> dict[Any, T]:
        """Return the rows with these primary keys, by key; what is not there, or not the actor's to read, is left out.

        Args:
            keys: None and keys that come twice are allowed.
            field: another unique field to look for.
        """
        known = self._entity
        wanted = known.field(field) if field else known.key
        stored = {key: wanted.stored(key) for key in keys if key is not None}
        found: list[T] = []
        for part in _parts(list(dict.fromkeys(stored.values()))):
            found += await self._keyed(wanted.name, part)
        await self._shown(found)
        rows = {vars(row)[wanted.name]: row for row in found}
        return {key: rows[value] for key, value in stored.items() if value in rows}

    async def related(
        self,
        by: str,
        keys: Iterable[Any],
        *where: Any,
        first: int | None = None,
        after: str | None = None,
        order: Sequence[str] = (),
    ) -> dict[Any, Page[T]]:
        """Return, for each of *keys*, a page of the rows whose foreign key *by* holds it: one query for all of them.

        Args:
            by: for instance ``org_id``.
            keys: what it may hold. Each has a page in the answer; that of None is empty.
            where: conditions, as in `find`.
            first: rows of each page, as in `page`.
            after: the `next` of one of the pages; whoever goes on in a page asks for its key alone.
            order: as in `page`.

        Raises:
            FieldDeniedError: the actor may not read a field of *order*.
            InvalidCursorError: *after* is no cursor of such a list.
        """
        known = self._entity
        parent = known.field(by)
        if parent.target is None:
            raise EntityError(f"`{known.label}.{by}` is no foreign key.")
        steps = read_order(known, order, self._readable() if order else None)
        page = _Page(where, steps, after, self._limit(first))
        stored = {key: parent.stored(key) for key in keys}
        found: dict[Any, list[T]] = {value: [] for value in stored.values()}
        for part in _parts([value for value in found if value is not None]):
            for row in await self._numbered(parent, part, page):
                found[vars(row)[by]].append(row)
        pages = {value: self._page(rows, page.count, page.steps) for value, rows in found.items()}
        await self._shown([item for page in pages.values() for item in page.items])
        return {key: pages[value] for key, value in stored.items()}

    async def _numbered(self, parent: Field, keys: Sequence[Any], page: _Page) -> list[T]:
        """Return the first rows of each key, and one more where there is one, in order."""
        known, statement = self._entity, Statement(self._dialect)
        parts = [f"{parent.sql}{statement.members(keys)}", *wheres(known, self._database, statement, page.where)]
        parts += [known.living, self._scope(self._condition("read"), statement)]
        if page.after is not None:
            values = self._cursors.read(order_words(page.steps), page.after)
            parts.append(behind(page.steps, values, statement))
        number = f"ROW_NUMBER() OVER (PARTITION BY {parent.sql}{order_sql(page.steps)}) AS {_NUMBER}"
        inner = f"SELECT {known.columns}, {number} FROM {known.table}{conjunction(parts)}"
        columns = ", ".join(f'"{field.column}"' for field in known.fields.values())
        limit = statement.value(page.count + 1)
        sql = f'SELECT {columns} FROM ({inner}) AS "nestpy_rows" WHERE {_NUMBER} <= {limit} ORDER BY {_NUMBER}'
        return self._loaded(await self._database.fetch(sql, statement.arguments), "read")


def _parts(values: list[Any]) -> list[list[Any]]:
    return [values[start : start + _MOST] for start in range(0, len(values), _MOST)]

"""What every statement of a repository shares: the ability in force, the condition that it adds, the rows it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from piccolo.table import Table

from nestpy_core import Ability, AbilitySource, All, Denial, DenialKind, Page
from nestpy_core.errors import DeniedError, NestPyError

from ._condition import condition_sql, leads_on
from ._cursor import Cursors
from ._database import Database
from ._entity import Entity, entity_of
from ._order import Step, check_visible, order_sql, order_words, read_order
from ._relations import keep_related
from ._statement import Statement, conjunction, wheres
from ._url import Dialect
from ._values import plain
from .errors import FieldDeniedError

T = TypeVar("T", bound=Table)

EVERYTHING = All()
_READY = 256
"""Conditions whose statement each repository keeps: those of so many actors."""


class Scoped(Generic[T]):
    """The rows of one entity under the ability that is in force; `Repository` reads and writes them."""

    def __init__(
        self,
        entity: type[T],
        database: Database,
        source: AbilitySource | None = None,
        *,
        relates: bool = True,
    ) -> None:
        self._entity: Entity = entity_of(entity)
        self._database = database
        self._source = source
        self._relations = self._entity.exposure.relations if relates else ()
        self._dialect: Dialect = database.dialect
        self._cursors = Cursors(database.config)
        known = self._entity
        living = f" AND {known.living}" if known.living else ""
        mark = Statement(self._dialect).value(None)
        self._select = f"SELECT {known.columns} FROM {known.table}"
        self._select_one = f"{self._select} WHERE {known.key.sql} = {mark}{living}"
        self._ready: dict[int, tuple[Any, str, list[Any]]] = {}

    # -- the ability

    def _ability(self) -> Ability | None:
        return None if self._source is None else self._source.current()

    def _loaded(self, rows: Sequence[Any], action: str, reading: Any = None) -> list[T]:
        """Return the instances of rows that were read with the condition for *action*.

        Where *reading* was one of their columns, those that it holds for may be shown as well.
        """
        load = self._entity.load
        items = [load(row) for row in rows]
        ability = self._ability()
        if ability is not None:
            ability.vouch(action, items)
            if reading is not None:
                told = len(self._entity.fields)
                ability.vouch("read", [item for item, row in zip(items, rows, strict=True) if row[told]])
        return items

    def _reading(self, action: str = "") -> Any:
        """Return the condition for reading where the fields of a row alone do not tell whether it holds.

        None also of rows that are read by it, as those for the *action* ``read`` are.
        """
        if action == "read":
            return None
        try:
            condition = self._condition("read")
        except NestPyError:  # no query can carry it: the row is asked
            return None
        return condition if leads_on(condition) else None

    def _returned(self, reading: Any, statement: Statement) -> str:
        """Return the columns of a row, with *reading* as one more."""
        columns = self._entity.columns
        return columns if reading is None else f"{columns}, ({condition_sql(reading, self._entity, statement)}) IS TRUE"

    def _written(self, row: Sequence[Any], reading: Any) -> T:
        """Return the instance of a row of `_returned`, which may be shown where *reading* holds for it."""
        item: T = self._entity.load(row)
        ability = None if reading is None else self._ability()
        if ability is not None and row[len(self._entity.fields)]:
            ability.vouch("read", [item])
        return item

    async def _shown(self, items: list[T]) -> list[T]:
        """Read what the shown relations of rows refer to, as far as the actor may read it: one query for each."""
        for name in self._relations:
            field = self._entity.fields[name]
            target: Any = field.target
            key: str = field.source._foreign_key_meta.resolved_target_column._meta.name  # type: ignore[attr-defined]  # a foreign key
            others: Scoped[Any] = Scoped(target, self._database, self._source, relates=False)
            wanted = list({held for item in items if (held := vars(item)[name]) is not None})
            found = await others._keyed(key, wanted) if wanted else []
            by_key = {getattr(other, key): other for other in found}
            for item in items:
                keep_related(item, name, by_key.get(vars(item)[name]))
        return items

    async def _keyed(self, name: str, values: Sequence[Any]) -> list[T]:
        """Return the rows whose field holds one of *values*, as far as the actor may read them."""
        known, statement = self._entity, Statement(self._dialect)
        field = known.field(name)
        parts = [f"{field.sql}{statement.members(values)}", *self._parts((), "read", statement)]
        rows = await self._database.fetch(f"{self._select}{conjunction(parts)}", statement.arguments)
        return self._loaded(rows, "read")

    def _condition(self, action: str) -> Any:
        ability = None if self._source is None else self._source.current()
        if ability is None:
            return EVERYTHING
        condition = ability.condition(action, self._entity.cls)
        return EVERYTHING if isinstance(condition, All) and not condition.conditions else condition

    def _scope(self, condition: Any, statement: Statement) -> str:
        return "" if condition is EVERYTHING else condition_sql(condition, self._entity, statement)

    def _readable(self) -> frozenset[str] | None:
        """Return the fields that rows may be sorted and filtered by, whatever they are asked for: it tells of them."""
        ability = self._ability()
        return None if ability is None else ability.fields("read", self._entity.cls)

    def _check_fields(self, action: str, wanted: Mapping[str, Any], subject: Any) -> None:
        ability = self._ability()
        allowed = None if ability is None else ability.fields(action, subject)
        for name in wanted:
            if allowed is not None and name not in allowed:
                raise FieldDeniedError(name)

    def _check_result(self, holds: Any, action: str) -> None:
        if not holds:
            raise DeniedError(Denial(DenialKind.FORBIDDEN, f"You may not {action} this."))

    # -- statements

    def _one(self, key: Any, condition: Any, reading: Any = None) -> tuple[str, list[Any]]:
        """Return the statement of one row under a condition; what was made of a condition is kept by its identity."""
        known = self._entity
        if reading is not None:
            statement = Statement(self._dialect)
            select = self._selecting(reading, statement)
            parts = [f"{known.key.sql} = {statement.value(key)}", known.living, self._scope(condition, statement)]
            return f"{select}{conjunction(parts)}", statement.arguments
        ready = self._ready.get(id(condition))
        if ready is None or ready[0] is not condition:
            statement = Statement(self._dialect)
            parts = [f"{known.key.sql} = {statement.value(None)}", known.living, self._scope(condition, statement)]
            ready = (condition, f"{self._select}{conjunction(parts)}", statement.arguments[1:])
            if len(self._ready) >= _READY:
                self._ready.clear()
            self._ready[id(condition)] = ready
        return ready[1], [key, *ready[2]]

    def _parts(self, where: tuple[Any, ...], action: str, statement: Statement) -> list[str]:
        parts = wheres(self._entity, self._database, statement, where)
        return [*parts, self._entity.living, self._scope(self._condition(action), statement)]

    def _selecting(self, reading: Any, statement: Statement) -> str:
        """Return the beginning of a statement; written first, for its values come first."""
        return (
            self._select
            if reading is None
            else f"SELECT {self._returned(reading, statement)} FROM {self._entity.table}"
        )

    def _listing(
        self, where: tuple[Any, ...], order: Sequence[str], action: str, reading: Any
    ) -> tuple[str, Statement]:
        statement = Statement(self._dialect)
        steps = read_order(self._entity, order, self._readable() if order else None)
        select = self._selecting(reading, statement)
        sql = f"{select}{conjunction(self._parts(where, action, statement))}{order_sql(steps)}"
        return sql, statement

    def _limit(self, first: int | None) -> int:
        """Return how many rows a page has when its caller asked for *first*."""
        config = self._database.config
        return min(max(config.page_limit if first is None else first, 1), config.max_page_limit)

    def _page(self, items: list[T], count: int, steps: Sequence[Step]) -> Page[T]:
        """Return the page of the first *count* of *items*; where there are more, with the cursor of what follows."""
        shown, following = items[:count], None
        if len(items) > count:
            values = [plain(getattr(shown[-1], step.field.name)) for step in steps]
            following = self._cursors.write(order_words(steps), values)
        return Page(items=shown, next=following)

    def _filters(
        self, filters: Mapping[str, Any] | None, visible: frozenset[str] | None, statement: Statement
    ) -> list[str]:
        found = []
        for name, value in (filters or {}).items():
            field = check_visible(self._entity, name, visible)
            stored = field.stored(value)
            found.append(f"{field.sql} IS NULL" if stored is None else f"{field.sql} = {statement.value(stored)}")
        return found

"""Repositories: the rows of one entity, as far as the actor's ability goes."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin

from piccolo.table import Table

from nestpy_core import Denial, DenialKind, Page, name_of
from nestpy_core.errors import DefinitionError, DeniedError

from ._batched import Batched
from ._condition import condition_sql, fields_in
from ._order import behind, order_sql, order_words, read_order
from ._scope import EVERYTHING
from ._statement import Statement, conjunction, wheres
from ._uuid7 import uuid7
from ._values import moment, stamped, values_of
from .errors import EntityNotFoundError, InvalidFieldError, OrmError, StaleEntityError

if TYPE_CHECKING:
    import msgspec

__all__ = ("Repository",)

T = TypeVar("T", bound=Table)

logger = logging.getLogger("nestpy.orm")


class Repository(Batched[T]):
    """Reads and writes the rows of one entity, injected as ``Repository[User]``.

    Every statement carries the condition of the ability that is in force (`AbilitySource`), so that a row that the
    actor may not read is not there, and one that the actor may not change is not changed. Without authorization in the
    app, and for code that acts as the system, nothing is added.

    Conditions (*where*) are piccolo's, for instance ``User.age > 20``, or core's `Compare` and its siblings; several
    must all hold.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse: whoever made such a class by hand would have left the ability out.

        Raises:
            DefinitionError: always.
        """
        super().__init_subclass__(**options)
        bases = cls.__dict__.get("__orig_bases__", ())
        name = next((name_of(base) for base in bases if get_origin(base) is Repository), "Repository")
        raise DefinitionError(
            f"`{cls.__name__}` derives from `{name}`, which nobody does: what is injected would be another one.\n"
            f"Hint: give a service the field `rows: {name}`, and your queries as its methods"
        )

    @property
    def entity(self) -> type[T]:
        """The class of its rows."""
        return cast("type[T]", self._entity.cls)

    def unscoped(self, reason: str) -> Repository[T]:
        """Return a repository whose statements carry nobody's condition.

        Args:
            reason: why, for the log: each call writes one line with it.
        """
        logger.info("Unscoped access to %s: %s", self._entity.label, reason)
        return Repository(self.entity, self._database)

    def authorize(self, action: str) -> None:
        """Refuse at once what the actor could do with no row at all.

        Raises:
            DeniedError: no rule allows it.
        """
        ability = self._ability()
        if ability is not None and not ability.can(action, self._entity.cls):
            raise DeniedError(Denial(DenialKind.FORBIDDEN))

    def checked_key(self, key: Any) -> Any:
        """Return a primary key that a caller gave, once it is known to be of the kind that rows have.

        Raises:
            InvalidFieldError: a UUID of another version, where rows get theirs from `uuid7`.
        """
        known = self._entity.key
        if getattr(known.source, "default", None) is uuid7 and key.version != 7:
            raise InvalidFieldError(known.name, "Expected a UUID of version 7")
        return key

    # -- reading

    async def get(self, key: Any, *, action: str = "read", lock: bool = False) -> T:
        """Return the row with a primary key.

        Args:
            key: the primary key.
            action: what the actor must be allowed to do with it.
            lock: hold the row until the transaction ends, so that nobody else changes it.

        Raises:
            EntityNotFoundError: there is none, or none that the actor may know of.
        """
        known = self._entity
        plain = not lock and not self._relations and self._reading(action) is None
        if plain and self._condition(action) is EVERYTHING:
            rows = await self._database.fetch(self._select_one, (known.key.stored(key),))
            if rows:
                one: T = known.load(rows[0])
                return one
            raise EntityNotFoundError
        found = await self.find_one(key, action=action, lock=lock)
        if found is None:
            raise EntityNotFoundError
        return found

    async def find_one(self, key: Any, *, action: str = "read", lock: bool = False) -> T | None:
        """Return the row with a primary key, or None where `get` raises."""
        known = self._entity
        stored = known.key.stored(key)
        condition, reading = self._condition(action), self._reading(action)
        if condition is EVERYTHING and reading is None and not lock:
            rows = await self._database.fetch(self._select_one, (stored,))
            if not rows:
                return None
            found: T = known.load(rows[0])
            return found if not self._relations else (await self._shown([found]))[0]
        sql, arguments = self._one(stored, condition, reading)
        if lock and self._dialect == "postgres":
            sql += " FOR UPDATE"
        rows = await self._database.fetch(sql, arguments, write=lock)
        return (await self._shown(self._loaded(rows, action, reading)))[0] if rows else None

    async def first(self, *where: Any, order: Sequence[str] = (), action: str = "read") -> T | None:
        """Return the first row that fits, or None."""
        found = await self.find(*where, order=order, limit=1, action=action)
        return found[0] if found else None

    async def find(
        self,
        *where: Any,
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
        action: str = "read",
    ) -> list[T]:
        """Return the rows that fit.

        Args:
            where: conditions.
            order: field names, with a minus for descending; the primary key decides between equal ones.
            limit: how many at most; None for all.
            offset: how many to skip. A list that people page through is better served by `page`.
            action: what the actor must be allowed to do with each.
        """
        reading = self._reading(action)
        sql, statement = self._listing(where, order, action, reading)
        if limit is not None:
            sql += f" LIMIT {statement.value(limit)}"
        if offset:
            sql += (
                f"{' LIMIT -1' if limit is None and self._dialect == 'sqlite' else ''} OFFSET {statement.value(offset)}"
            )
        rows = await self._database.fetch(sql, statement.arguments)
        return await self._shown(self._loaded(rows, action, reading))

    async def page(
        self,
        *where: Any,
        order: Sequence[str] = (),
        first: int | None = None,
        after: str | None = None,
        filters: Mapping[str, Any] | None = None,
        action: str = "read",
    ) -> Page[T]:
        """Return one page, which goes on exactly behind the last one however many rows come and go (keyset).

        Args:
            where: conditions.
            order: field names, with a minus for descending.
            first: rows of the page: from 1 to ``orm.max_page_limit``, clamped; by default ``orm.page_limit``.
            after: the `next` of the page before. Signed: one that was changed is refused.
            filters: values that fields must have, as callers gave them.
            action: what the actor must be allowed to do with each.

        Raises:
            InvalidCursorError: *after* is no cursor of this list.
            InvalidFieldError: a field to order or filter by that does not exist or never leaves.
            FieldDeniedError: one that the actor may not read.
        """
        count = self._limit(first)
        known, statement = self._entity, Statement(self._dialect)
        visible, reading = self._readable(), self._reading(action)
        steps = read_order(known, order, visible)
        select = self._selecting(reading, statement)
        parts = [*wheres(known, self._database, statement, where), *self._filters(filters, visible, statement)]
        parts += [known.living, self._scope(self._condition(action), statement)]
        if after is not None:
            parts.append(behind(steps, self._cursors.read(order_words(steps), after), statement))
        sql = f"{select}{conjunction(parts)}{order_sql(steps)} LIMIT {statement.value(count + 1)}"
        rows = await self._database.fetch(sql, statement.arguments)
        page = self._page(self._loaded(rows, action, reading), count, steps)
        await self._shown(page.items)
        return page

    async def count(self, *where: Any, action: str = "read") -> int:
        """Return how many rows fit."""
        statement = Statement(self._dialect)
        parts = self._parts(where, action, statement)
        sql = f"SELECT COUNT(*) FROM {self._entity.table}{conjunction(parts)}"
        return int((await self._database.fetch(sql, statement.arguments))[0][0])

    async def exists(self, *where: Any, key: Any = None, action: str = "read") -> bool:
        """Return whether any row fits; with *key*, whether the row with that primary key does."""
        statement = Statement(self._dialect)
        parts = []
        if key is not None:
            parts.append(f"{self._entity.key.sql} = {statement.value(self._entity.key.stored(key))}")
        parts += self._parts(where, action, statement)
        sql = f"SELECT 1 FROM {self._entity.table}{conjunction(parts)} LIMIT 1"
        return bool(await self._database.fetch(sql, statement.arguments))

    async def stream(self, *where: Any, order: Sequence[str] = (), action: str = "read") -> AsyncIterator[T]:
        """Yield the rows that fit, however many, a few hundred in memory at a time, without their relations."""
        reading = self._reading(action)
        sql, statement = self._listing(where, order, action, reading)
        async for row in self._database.stream(sql, statement.arguments):
            yield self._loaded([row], action, reading)[0]

    # -- writing

    async def create(self, given: Mapping[str, Any] | msgspec.Struct | T | None = None, /, **values: Any) -> T:
        """Insert one row and return it, with what the database has filled in.

        Args:
            given: a mapping, a Struct such as the entity's create input, or an instance of the entity.
            values: fields by name; they win over *given*.

        Raises:
            UniqueViolationError: another row has the same values.
            FieldDeniedError: the actor may not write one of the fields.
            DeniedError: the actor may not create such a row.
        """
        known = self._entity
        wanted = stamped(known, {**values_of(given), **values}, created=True)
        self._check_fields("create", {**values_of(given), **values}, known.cls)
        stored = known.new_values(wanted)
        condition, reading = self._condition("create"), self._reading()
        statement = Statement(self._dialect)
        columns = ", ".join(f'"{known.fields[name].column}"' for name in stored)
        marks = ", ".join(statement.value(value) for value in stored.values())
        body = f"({columns}) VALUES ({marks})" if stored else "DEFAULT VALUES"
        sql = f"INSERT INTO {known.table} {body} RETURNING {self._returned(reading, statement)}"
        if condition is EVERYTHING:
            row = (await self._database.fetch(sql, statement.arguments, write=True))[0]
            return (await self._shown([self._written(row, reading)]))[0]
        sql += f", ({condition_sql(condition, known, statement)}) IS TRUE"
        async with self._database.transaction():
            row = (await self._database.fetch(sql, statement.arguments, write=True))[0]
            self._check_result(row[-1], "create")
        return (await self._shown([self._written(row, reading)]))[0]

    async def update(
        self,
        key: Any,
        given: Mapping[str, Any] | msgspec.Struct | None = None,
        /,
        *,
        version: int | None = None,
        **values: Any,
    ) -> T:
        """Change fields of one row and return it as it now is.

        Args:
            key: the primary key, or an instance.
            given: a mapping or a Struct such as the entity's update input, whose unset fields stay as they are.
            version: what the entity's version field must still hold; by default that of an instance given as *key*.
            values: fields by name; they win over *given*.

        Raises:
            EntityNotFoundError: there is no such row, or none that the actor may know of.
            DeniedError: the actor may read it and not change it, or not into this.
            FieldDeniedError: the actor may not write one of the fields.
            StaleEntityError: it has another version by now.
        """
        known = self._entity
        name = known.exposure.version
        if isinstance(key, Table):
            version = getattr(key, name) if name and version is None else version
            key = getattr(key, known.key.name)
        wanted = {**values_of(given), **values}
        self._check_fields("update", wanted, known.cls)
        changes = {field: known.field(field).stored(value) for field, value in stamped(known, wanted).items()}
        if not changes:
            return await self.get(key, action="update")
        condition, reading = self._condition("update"), self._reading()
        moves = condition is not EVERYTHING and bool(fields_in(condition) & set(changes))
        if moves:
            async with self._database.transaction():
                row = await self._changed(key, changes, condition, version, "update", reading=reading, moves=True)
                self._check_result(row[-1], "update")
        else:
            row = await self._changed(key, changes, condition, version, "update", reading=reading)
        return (await self._shown([self._written(row, reading)]))[0]

    async def delete(self, key: Any, /, *, version: int | None = None) -> None:
        """Delete one row, or mark it where the entity is deleted softly.

        Raises:
            EntityNotFoundError: there is no such row, or none that the actor may know of.
            DeniedError: the actor may read it and not delete it.
            ForeignKeyViolationError: it is still referred to.
        """
        known = self._entity
        if isinstance(key, Table):
            key = getattr(key, known.key.name)
        condition = self._condition("delete")
        if known.exposure.soft_delete:
            now = {known.exposure.soft_delete: dt.datetime.now(dt.UTC)}
            changes = {name: known.field(name).stored(moment(known, name, value)) for name, value in now.items()}
            await self._changed(key, changes, condition, version, "delete")
            return
        statement = Statement(self._dialect)
        where = conjunction(self._target(key, condition, version, statement))
        sql = f"DELETE FROM {known.table}{where}"
        if not await self._database.execute(sql, statement.arguments):
            await self._refuse(key, "delete", version)

    async def _changed(
        self,
        key: Any,
        changes: Mapping[str, Any],
        condition: Any,
        version: int | None,
        action: str,
        *,
        reading: Any = None,
        moves: bool = False,
    ) -> Sequence[Any]:
        known, statement = self._entity, Statement(self._dialect)
        listed = [f'"{known.fields[name].column}" = {statement.value(value)}' for name, value in changes.items()]
        if known.exposure.version:
            column = known.field(known.exposure.version)
            listed.append(f'"{column.column}" = {column.sql} + 1')
        where = conjunction(self._target(key, condition, version, statement))
        sql = f"UPDATE {known.table} SET {', '.join(listed)}{where} RETURNING {self._returned(reading, statement)}"
        if moves:
            sql += f", ({condition_sql(condition, known, statement)}) IS TRUE"
        rows = await self._database.fetch(sql, statement.arguments, write=True)
        if not rows:
            await self._refuse(key, action, version)
        return rows[0]

    def _target(self, key: Any, condition: Any, version: int | None, statement: Statement) -> list[str]:
        known = self._entity
        parts = [f"{known.key.sql} = {statement.value(known.key.stored(key))}", known.living]
        parts.append(self._scope(condition, statement))
        if version is not None:
            if not known.exposure.version:
                raise OrmError(f'`{known.label}` has no version field.\nHint: write `@expose(version="version")` on it')
            parts.append(f"{known.field(known.exposure.version).sql} = {statement.value(version)}")
        return parts

    async def _refuse(self, key: Any, action: str, version: int | None) -> None:
        """Raise what tells why no row was touched; it tells of no row that the actor may not read."""
        if await self.exists(key=key):
            if version is not None and await self.exists(key=key, action=action):
                raise StaleEntityError
            raise DeniedError(Denial(DenialKind.FORBIDDEN))
        raise EntityNotFoundError

"""The database of one app: every statement passes here, into the transaction of its unit of work or the pool."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, Literal, TypeVar

import anyio

from nestpy_core import running_unit

from ._config import OrmConfig
from ._driver import Connection, Driver, Isolation, Row
from ._engine import bind, bound_to, template_of, writes
from ._unit import Unit
from ._url import read_url
from .errors import SerializationConflictError

__all__ = ("Database",)

T = TypeVar("T")

_BACKOFF = 0.005
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b", re.IGNORECASE)


class Database:
    """One database, as the app's services and repositories use it.

    Attributes:
        dialect: ``postgres`` or ``sqlite``.
        config: its settings.
    """

    def __init__(self, config: OrmConfig) -> None:
        self.config = config
        self.driver: Driver = _driver(config)
        self._current: ContextVar[Unit | None] = ContextVar("nestpy_orm_unit", default=None)
        self._numbers = itertools.count(1)

    @property
    def dialect(self) -> Literal["postgres", "sqlite"]:
        """Whose SQL it speaks."""
        return self.driver.dialect

    # -- units of work

    @property
    def unit(self) -> Unit | None:
        """The unit of work that runs, if any; background work (`detached_context`) stands outside of its caller's."""
        return self._current.get() if running_unit.get() is not None else None

    def enter(self, unit: Unit) -> tuple[Token[Unit | None], Token[Any]]:
        """Make *unit* the one that runs."""
        return self._current.set(unit), running_unit.set(unit)

    def leave(self, tokens: tuple[Token[Unit | None], Token[Any]]) -> None:
        """Return to the unit that ran before."""
        self._current.reset(tokens[0])
        running_unit.reset(tokens[1])

    def next_number(self) -> int:
        """Return a number that no savepoint of this database has had."""
        return next(self._numbers)

    def transaction(self, isolation: Isolation | None = None) -> Unit:
        """Open a transaction: ``async with database.transaction():``. Inside an open one it is a savepoint of that.

        Args:
            isolation: the level of a new transaction; PostgreSQL's default is ``read committed``. SQLite's are always
                serializable.
        """
        return Unit(self, "command", isolation)

    async def retry(
        self,
        work: Callable[[], Awaitable[T]],
        *,
        attempts: int = 3,
        isolation: Isolation | None = "serializable",
    ) -> T:
        """Run *work* in a transaction, again from the start when it collides with a concurrent one.

        Args:
            work: called for each attempt; must have no effect outside the database.
            attempts: how often at most, from 1 to 32. Between two of them a random pause that doubles.
            isolation: of each transaction.

        Raises:
            SerializationConflictError: every attempt collided.
        """
        for attempt in range(min(max(attempts, 1), 32)):
            try:
                async with self.transaction(isolation):
                    return await work()
            except SerializationConflictError:
                if attempt + 1 >= attempts or (self.unit is not None and self.unit.connection is not None):
                    raise
            await anyio.sleep(min(30.0, _BACKOFF * 2**attempt) * (0.5 + random.random()))  # noqa: S311  # spreads load
        raise AssertionError

    # -- statements

    async def fetch(self, sql: str, arguments: Sequence[Any] = (), *, write: bool = False) -> Sequence[Row]:
        """Run one statement and return its rows.

        Args:
            sql: with ``$1`` placeholders for PostgreSQL and ``?`` for SQLite; values never stand in the text.
            arguments: the values.
            write: whether it changes anything; such statements join the transaction, opening it.
        """
        unit = self.unit
        if unit is not None and (write or unit.mode != "query"):
            target = unit.joining(write=write)
            if target is not None:
                async with target.lock:
                    joined = await target.joined(write=write)
                    if joined is not None:
                        return await self.guard(joined.fetch(sql, arguments))
            write = False
        driver = self.driver
        connection = driver.take() or await driver.acquire(write=write)
        try:
            rows: Sequence[Row] = await connection.fetch(sql, arguments)
        except Exception as error:
            (driver.abandon if isinstance(error, TimeoutError) else driver.release)(connection)
            known = driver.translate(error)
            if known is None:
                raise
            raise known from error
        except BaseException:
            driver.abandon(connection)
            raise
        driver.release(connection)
        return rows

    async def execute(self, sql: str, arguments: Sequence[Any] = ()) -> int:
        """Run one statement that writes, in the transaction, and return how many rows it touched."""
        return int(await self._run("execute", sql, arguments, write=True))

    async def _run(self, method: str, sql: str, arguments: Sequence[Any], *, write: bool) -> Any:
        """Run one statement by another method of connections, where `fetch` would run it."""
        target = None if self.unit is None else self.unit.joining(write=write)
        if target is not None:
            async with target.lock:
                connection = await target.joined(write=write)
                if connection is not None:
                    return await self.guard(getattr(connection, method)(sql, arguments))
        async with self.connection(write=write) as free:
            return await self.guard(getattr(free, method)(sql, arguments))

    async def stream(self, sql: str, arguments: Sequence[Any] = (), *, size: int = 500) -> AsyncIterator[Row]:
        """Run one statement and yield its rows; at most *size* of them are held in memory.

        It holds a connection of its own until it ends. In a transaction it reads everything at once, through that.
        """
        if self.unit is not None and self.unit.connection is not None:
            for row in await self.fetch(sql, arguments):
                yield row
            return
        async with self.connection(write=False) as connection:
            rows = connection.stream(sql, arguments, size)
            async with contextlib.aclosing(rows) as chunks:  # type: ignore[type-var]  # async generators all
                async for chunk in chunks:
                    for row in chunk:
                        yield row

    @contextlib.asynccontextmanager
    async def connection(self, *, write: bool) -> AsyncIterator[Connection]:
        """Give a connection of the pool, outside any unit of work: migrations and streams use it."""
        connection = await self.driver.acquire(write=write)
        try:
            yield connection
        except BaseException:
            self.driver.abandon(connection)
            raise
        self.driver.release(connection)

    async def guard(self, running: Awaitable[T]) -> T:
        """Await *running* and raise the driver's errors as this package's own."""
        try:
            return await running
        except Exception as error:
            known = self.driver.translate(error)
            if known is None:
                raise
            raise known from error

    async def script(self, sql: str) -> None:
        """Run statements without arguments in the transaction; migrations do so."""
        async with self.transaction():
            await self.fetch("SELECT 1", write=True)
            unit = self.unit
            if unit is not None:
                await self.guard(unit.connection.script(sql))

    def lift_limits(self) -> None:
        """Let the statements of the open transaction take as long as they do; migrations need it on SQLite."""
        if self.unit is not None and self.unit.connection is not None:
            self.unit.connection.limited = False

    # -- piccolo's queries

    async def run(self, query: Any) -> Any:  # any query of piccolo, with its own result
        """Run a query of piccolo here: ``await database.run(User.select(User.name).where(User.age > 20))``.

        It is **not** scoped by anybody's ability, as no raw SQL is; repositories are. It joins the transaction like
        every statement. No global configuration of piccolo is read.
        """
        bind(query.table)
        with bound_to(self, write=writes(query)):
            return await self.guard(query.run())

    async def raw(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """Run SQL with ``{}`` for each argument, in the transaction, and return rows by column name.

        What does not begin with ``SELECT`` counts as a write, and so does ``WITH`` where a word of it changes
        something. It is not scoped by anybody's ability.
        """
        write = not sql.lstrip().upper().startswith("SELECT") and (not _WITH.match(sql) or bool(_CHANGES.search(sql)))
        return await self.fetch_named(template_of(sql, self.dialect, arguments), arguments, write=write)

    async def fetch_named(self, sql: str, arguments: Sequence[Any], *, write: bool) -> list[dict[str, Any]]:
        """Run one statement as `fetch` does, and return its rows by column name."""
        rows: list[dict[str, Any]] = await self._run("fetch_named", sql, arguments, write=write)
        return rows

    # -- opening and closing

    async def open(self) -> None:
        """Open the pool; the app does so before it builds anything that needs it."""
        await self.driver.open()

    async def close(self) -> None:
        """Close every connection, by force after ``orm.close_timeout``."""
        await self.driver.close()


def _driver(config: OrmConfig) -> Driver:
    target = read_url(config.url.reveal())
    if target.dialect == "sqlite":
        from ._sqlite import SqliteDriver

        return SqliteDriver(target.path, config)
    from ._postgres import PostgresDriver

    return PostgresDriver(target.dsn, config)

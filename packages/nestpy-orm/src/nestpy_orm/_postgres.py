"""PostgreSQL through asyncpg: a pool of held connections that are reset only where something was left behind.

asyncpg's own pool sends a reset to the server each time a connection comes back: measured, that costs more than half of
the throughput of a one-row query. Here nothing is sent: connections are set up once, and no statement of this package
leaves anything behind but a transaction, which ends explicitly. Statements stay prepared, and one sweep watches all
that run: asyncpg's search for its own and its timer for each query cost a sixth of the CPU of a one-row query.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import Any, Literal

import asyncpg

from ._config import OrmConfig
from ._driver import UNMIGRATED, Isolation, Row
from ._url import unreachable
from .errors import (
    CheckViolationError,
    DatabaseUnavailableError,
    ForeignKeyViolationError,
    NotNullViolationError,
    PoolTimeoutError,
    QueryError,
    QueryTimeoutError,
    SerializationConflictError,
    UniqueViolationError,
)

_KEPT = 512
"""Statements that each connection keeps prepared."""
_GRACE = 1.0
"""Seconds that the server's own timeout gets to speak first; after them the network is taken to be down."""

_CONFLICTS = ("40001", "40P01")
_TIMEOUTS = ("57014", "55P03", "25P03")
_AWAY = ("08", "57P", "53")
_ABSENT = ("42P01", "42703")
_INTEGRITY: dict[str, Any] = {
    "23505": UniqueViolationError,
    "23503": ForeignKeyViolationError,
    "23502": NotNullViolationError,
    "23514": CheckViolationError,
}


class PostgresConnection:
    """One session of the server.

    Attributes:
        raw: asyncpg's connection.
        limited: whether an answer that does not come ends a statement; until the transaction ends.
        deadline: when the answer to the statement that runs is given up; 0 while none runs, or none is limited.
    """

    __slots__ = ("_limit", "_prepared", "deadline", "limited", "raw")

    def __init__(self, raw: Any, limit: float) -> None:
        self.raw = raw
        self.limited = True
        self.deadline = 0.0
        self._limit = limit
        self._prepared: dict[str, Any] = {}

    @property
    def _timeout(self) -> float | None:
        return self._limit if self.limited else None

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Sequence[Row]:
        prepared = self._prepared.get(sql) or await self._prepare(sql)
        self.deadline = monotonic() + self._limit if self.limited else 0.0
        try:
            rows: Sequence[Row] = await prepared.fetch(*arguments)
        except asyncpg.InvalidCachedStatementError:
            if self.raw.is_in_transaction():
                raise
            rows = await (await self._prepare(sql)).fetch(*arguments)  # a migration has changed what it returns
        except asyncpg.OutdatedSchemaCacheError:
            self._prepared.clear()
            raise
        finally:
            self.deadline = 0.0
        return rows

    async def _prepare(self, sql: str) -> Any:
        if len(self._prepared) >= _KEPT:
            self._prepared.pop(next(iter(self._prepared)))
        found = self._prepared[sql] = await self.raw.prepare(sql, timeout=self._timeout)
        return found

    async def fetch_named(self, sql: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.fetch(sql, arguments)]

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        status: str = await self.raw.execute(sql, *arguments, timeout=self._timeout)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def script(self, sql: str) -> None:
        await self.execute(sql, ())

    async def begin(self, isolation: Isolation | None) -> None:
        begin = "BEGIN" if isolation is None else f"BEGIN ISOLATION LEVEL {isolation.upper()}"
        await self.raw.execute(begin, timeout=self._timeout)

    async def commit(self) -> None:
        status = await self.raw.execute("COMMIT", timeout=self._timeout)
        if status != "COMMIT":
            raise QueryError("The transaction had failed before it was committed")

    async def rollback(self) -> None:
        await self.raw.execute("ROLLBACK", timeout=self._timeout)

    async def stream(self, sql: str, arguments: Sequence[Any], size: int) -> AsyncIterator[Sequence[Row]]:
        own = not self.raw.is_in_transaction()
        if own:
            await self.raw.execute("BEGIN READ ONLY", timeout=self._timeout)
        cursor = await self.raw.cursor(sql, *arguments, timeout=self._timeout)
        while rows := await cursor.fetch(size, timeout=self._timeout):
            yield rows
        if own:
            await self.raw.execute("COMMIT", timeout=self._timeout)


class PostgresDriver:
    """A pool of connections to one server.

    Attributes:
        size: connections that exist or are being opened.
    """

    dialect: Literal["postgres"] = "postgres"

    def __init__(self, dsn: str, config: OrmConfig) -> None:
        self._dsn = dsn
        self._config = config
        self._idle: deque[PostgresConnection] = deque()
        self._all: set[PostgresConnection] = set()
        self._waiting: deque[tuple[asyncio.Future[PostgresConnection | None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.size = 0

    async def open(self) -> None:
        self._closed = False
        try:
            self.release(await self.acquire(write=False))
        except DatabaseUnavailableError as error:
            raise unreachable(error.__cause__ or error) from None

    async def close(self) -> None:
        self._closed = True
        for waiter, _ in self._waiting:
            waiter.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.close_timeout):
                if self._tasks:
                    await asyncio.wait(self._tasks)
                await asyncio.gather(*(each.raw.close() for each in self._idle), return_exceptions=True)
        for connection in list(self._all):
            self._drop(connection)
        self._idle.clear()

    def take(self) -> PostgresConnection | None:
        idle = self._idle
        if idle and self._sweep is not None and not idle[-1].raw.is_closed():
            return idle.pop()
        return None

    async def acquire(self, *, write: bool) -> PostgresConnection:
        if self._sweep is None and not self._closed:
            self._watch()
        while not self._closed:
            while self._idle:
                connection = self._idle.pop()
                if not connection.raw.is_closed():
                    return connection
                self._drop(connection)
            if self.size < self._config.pool_size:
                return await self._connect()
            handed = await self._wait()
            if handed is not None:
                return handed
        raise DatabaseUnavailableError

    def _watch(self) -> None:
        """Give up the connections whose answer is overdue, again and again while any is used."""
        loop = asyncio.get_running_loop()
        if self._sweep is not None and len(self._idle) == self.size:
            self._sweep = None
            return
        now = monotonic()
        for connection in self._all:
            if 0.0 < connection.deadline < now:
                connection.raw.terminate()
        self._sweep = loop.call_later(min(1.0, self._config.statement_timeout), self._watch)

    async def _wait(self) -> PostgresConnection | None:
        """Wait until a connection is handed over, or (None) until there is room for another."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[PostgresConnection | None] = loop.create_future()
        self._waiting.append((waiter, loop.time() + self._config.pool_timeout))
        if self._timer is None:
            self._timer = loop.call_later(self._config.pool_timeout, self._expire)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            raise

    def _expire(self) -> None:
        """Refuse who has waited for too long; one timer serves all, for a timer each costs more than a wait."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            waiter, deadline = self._waiting[0]
            if not waiter.done():
                if deadline > loop.time():
                    self._timer = loop.call_at(deadline, self._expire)
                    return
                waiter.set_exception(PoolTimeoutError())
            self._waiting.popleft()

    async def _connect(self) -> PostgresConnection:
        self.size += 1
        try:
            connect: Any = asyncpg.connect  # annotated to take whole seconds; it takes any
            raw = await connect(
                self._dsn,
                timeout=self._config.connect_timeout,
                statement_cache_size=64,
                server_settings=self._session(),
            )
        except BaseException as error:
            self.size -= 1
            self._pass_on(None)
            if isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError | TimeoutError | ValueError):
                raise DatabaseUnavailableError from error
            raise
        connection = PostgresConnection(raw, self._config.statement_timeout + _GRACE)
        self._all.add(connection)
        return connection

    def _session(self) -> dict[str, str]:
        milliseconds = {
            "statement_timeout": self._config.statement_timeout,
            "lock_timeout": self._config.lock_timeout,
            "idle_in_transaction_session_timeout": self._config.idle_timeout,
        }
        return {**{name: str(int(value * 1000)) for name, value in milliseconds.items()}, "jit": "off"}

    def release(self, connection: PostgresConnection) -> None:
        raw = connection.raw
        connection.limited = True
        if raw.is_closed() or self._closed:
            self._drop(connection)
        elif raw.is_in_transaction():
            self.abandon(connection)
        else:
            self._pass_on(connection)

    def abandon(self, connection: PostgresConnection) -> None:
        if connection.raw.is_closed() or self._closed:
            self._drop(connection)
            return
        task = asyncio.get_running_loop().create_task(self._mend(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mend(self, connection: PostgresConnection) -> None:
        """Bring a connection whose user was cut off back to an idle state, or replace it."""
        try:
            async with asyncio.timeout(self._config.close_timeout):
                # asyncpg first waits for the cancellation of what ran; then an open transaction is undone.
                await connection.raw.execute("ROLLBACK" if connection.raw.is_in_transaction() else "SELECT 1")
        except (Exception, asyncio.CancelledError):  # noqa: BLE001  # whatever it was, the connection is not trusted
            self._drop(connection)
        else:
            self.release(connection)

    def _drop(self, connection: PostgresConnection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self.size -= 1
            connection.raw.terminate()
            self._pass_on(None)

    def _pass_on(self, connection: PostgresConnection | None) -> None:
        """Hand a connection, or the room for one, to who waits longest; else keep it."""
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)

    def translate(self, error: BaseException) -> Exception | None:
        if isinstance(error, asyncpg.PostgresError):
            return _of_server(error)
        if isinstance(error, asyncpg.InterfaceError | ConnectionError | TimeoutError):
            return DatabaseUnavailableError()
        if isinstance(error, asyncpg.DataError | OverflowError):
            return QueryError("A value does not fit its column")
        return None


def _of_server(error: Any) -> Exception:  # as in `_fields`
    state: str = error.sqlstate or ""
    integrity = _INTEGRITY.get(state)
    if integrity is not None:
        made: Exception = integrity(_fields(error), error.constraint_name or "")
        return made
    if state in _CONFLICTS:
        return SerializationConflictError()
    if state in _TIMEOUTS:
        return QueryTimeoutError()
    if state.startswith(_AWAY):
        return DatabaseUnavailableError()
    hint = UNMIGRATED if state in _ABSENT else ""
    return QueryError(f"The database refused a statement with `{type(error).__name__}`{hint}")


def _fields(error: Any) -> tuple[str, ...]:  # asyncpg sets the attributes of its errors as they come
    """Return the columns that a constraint is about; the detail's values are left out."""
    if error.column_name:
        return (error.column_name,)
    detail = error.detail or ""
    if not detail.startswith("Key ("):
        return ()
    return tuple(name.strip().strip('"') for name in detail[5:].partition(")=")[0].split(","))

"""SQLite: one connection that writes and several that read, each in a thread of its own.

piccolo's engine opens a connection for every query, leaves the journal in its slow mode and foreign keys unchecked.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import piccolo.engine.sqlite  # noqa: F401  # registers how UUIDs, times and decimals are stored

from ._config import OrmConfig
from ._driver import UNMIGRATED, Isolation, Row
from ._url import unreachable
from .errors import (
    CheckViolationError,
    DatabaseUnavailableError,
    ForeignKeyViolationError,
    IntegrityError,
    NotNullViolationError,
    PoolTimeoutError,
    QueryError,
    QueryTimeoutError,
    SerializationConflictError,
    UniqueViolationError,
)

T = TypeVar("T")

_INTEGRITY: dict[str, Any] = {
    "SQLITE_CONSTRAINT_UNIQUE": UniqueViolationError,
    "SQLITE_CONSTRAINT_PRIMARYKEY": UniqueViolationError,
    "SQLITE_CONSTRAINT_ROWID": UniqueViolationError,
    "SQLITE_CONSTRAINT_FOREIGNKEY": ForeignKeyViolationError,
    "SQLITE_CONSTRAINT_NOTNULL": NotNullViolationError,
    "SQLITE_CONSTRAINT_CHECK": CheckViolationError,
}
_DAY = 86_400.0
_GRACE = 1.0
"""Seconds that an interrupted statement gets to end before its connection is left to its thread."""

_PAUSE = 0.01
"""Seconds between two attempts on a file that another process holds."""

_TIMEOUTS = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")
_AWAY = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT")
_ABSENT = ("no such table", "no such column")


class SqliteConnection:
    """One connection and the thread that runs its statements, in order.

    Attributes:
        writes: whether it is the one that writes.
        limited: whether its statements are interrupted after ``orm.statement_timeout``; until the transaction ends.
    """

    def __init__(self, path: str, config: OrmConfig, *, writes: bool) -> None:
        self._path = path
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nestpy-sqlite")
        self._raw: sqlite3.Connection | None = None
        self._closing: Future[None] | None = None
        self.writes = writes
        self.limited = True

    async def open(self) -> None:
        """Connect; WAL, foreign keys and the busy timeout are set before anything else."""
        await self._run(self._connect)

    def _connect(self) -> None:
        raw = sqlite3.connect(
            self._path or ":memory:",
            isolation_level=None,
            check_same_thread=False,
            detect_types=sqlite3.PARSE_DECLTYPES,
            cached_statements=512,
            timeout=self._config.lock_timeout,
        )
        self._raw = raw
        pragmas = ["foreign_keys = ON", "synchronous = NORMAL"]
        pragmas += [] if self.writes else ["query_only = ON"]
        if self._path and self.writes:
            self._write_ahead(raw)
        for pragma in pragmas:
            raw.execute(f"PRAGMA {pragma}")

    def _write_ahead(self, raw: sqlite3.Connection) -> None:
        # While another process makes the tables of a new file, SQLite is busy at once, whatever the time-out.
        until = time.monotonic() + self._config.lock_timeout
        while True:
            try:
                raw.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() >= until or self._closing:
                    raise
            time.sleep(_PAUSE)

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        if self._closing is not None:
            raise DatabaseUnavailableError
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, call, *arguments)
        timer = loop.call_later(self._config.statement_timeout if self.limited else _DAY, self.interrupt)
        try:
            return await future
        except asyncio.CancelledError:
            self.interrupt()
            raise
        finally:
            timer.cancel()

    def interrupt(self) -> None:
        """End the statement that runs, if any."""
        if self._raw is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):
                self._raw.interrupt()

    def later(self, call: Callable[[], Any]) -> None:
        """Run *call* in the thread after whatever runs there, unless it is closing; nobody waits."""
        if self._closing is None:
            self._thread.submit(call)

    def undo(self) -> None:
        """End a transaction that was left open; runs in the thread."""
        if self._raw is not None and self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def close(self) -> Future[None]:
        """Close it in its thread, after whatever runs there, and let the thread end; calling it again changes nothing.

        Whoever opened it may have been cut off meanwhile: the thread then closes what it has just opened.
        """
        if self._closing is None:
            self._closing = self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
        return self._closing

    def _close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._raw is not None and self._raw.in_transaction

    def _cursor(self, sql: str, arguments: Sequence[Any]) -> sqlite3.Cursor:
        if self._raw is None:
            raise DatabaseUnavailableError
        return self._raw.execute(sql, arguments)

    def _fetch(self, sql: str, arguments: Sequence[Any]) -> list[Any]:
        return self._cursor(sql, arguments).fetchall()

    def _fetch_named(self, sql: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        cursor = self._cursor(sql, arguments)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _execute(self, sql: str, arguments: Sequence[Any]) -> int:
        cursor = self._cursor(sql, arguments)
        cursor.fetchall()
        return max(cursor.rowcount, 0)

    def _script(self, sql: str) -> None:
        for statement in statements_of(sql):
            self._execute(statement, ())

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> Sequence[Row]:
        return await self._run(self._fetch, sql, arguments)

    async def fetch_named(self, sql: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        return await self._run(self._fetch_named, sql, arguments)

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        return await self._run(self._execute, sql, arguments)

    async def script(self, sql: str) -> None:
        await self._run(self._script, sql)

    async def begin(self, isolation: Isolation | None) -> None:
        del isolation  # every transaction of SQLite is serializable
        await self._run(self._execute, "BEGIN IMMEDIATE", ())

    async def commit(self) -> None:
        await self._run(self._execute, "COMMIT", ())

    async def rollback(self) -> None:
        await self._run(self.undo)

    async def stream(self, sql: str, arguments: Sequence[Any], size: int) -> AsyncIterator[Sequence[Row]]:
        cursor = await self._run(self._cursor, sql, arguments)
        try:
            while rows := await self._run(cursor.fetchmany, size):
                yield rows
        finally:
            self.later(cursor.close)


class SqliteDriver:
    """The connections of one file, or the only one of a database in memory."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: str, config: OrmConfig) -> None:
        self._path = path
        self._config = config
        self._writer = SqliteConnection(path, config, writes=True)
        self._writing = asyncio.Lock()
        self._idle: deque[SqliteConnection] = deque()
        self._readers: set[SqliteConnection] = set()
        self._closed = False
        self._room = asyncio.Semaphore(config.pool_size)

    async def open(self) -> None:
        self._closed = False
        self._idle.clear()
        self._writer = SqliteConnection(self._path, self._config, writes=True)
        self._writing = asyncio.Lock()
        self._room = asyncio.Semaphore(self._config.pool_size)
        try:
            await self._writer.open()
        except sqlite3.Error as error:
            await asyncio.wrap_future(self._writer.close())
            raise unreachable(error) from None

    async def close(self) -> None:
        self._closed = True
        readers = [*self._readers]  # one that closes leaves the set from its thread
        everyone = [*readers, self._writer]
        for connection in readers:
            connection.interrupt()
        closing = [asyncio.wrap_future(each.close()) for each in everyone]
        _, late = await asyncio.wait(closing, timeout=self._config.close_timeout)
        for connection in everyone:
            connection.interrupt()
        if late:
            await asyncio.wait(late, timeout=_GRACE)
        self._readers.clear()
        self._idle.clear()

    def take(self) -> SqliteConnection | None:
        return None  # the writer's turn and the room for readers are waited for

    async def acquire(self, *, write: bool) -> SqliteConnection:
        if self._closed:
            raise DatabaseUnavailableError
        try:
            async with asyncio.timeout(self._config.pool_timeout):
                if write or not self._path:
                    await self._writing.acquire()
                    return self._writer
                await self._room.acquire()
        except TimeoutError:
            raise PoolTimeoutError from None
        return self._idle.pop() if self._idle else await self._reader()

    async def _reader(self) -> SqliteConnection:
        connection = SqliteConnection(self._path, self._config, writes=False)
        self._readers.add(connection)
        try:
            await connection.open()
        except BaseException as error:
            connection.close().add_done_callback(lambda _: self._readers.discard(connection))
            self._room.release()
            if isinstance(error, sqlite3.Error):
                raise DatabaseUnavailableError from error
            raise
        return connection

    def release(self, connection: SqliteConnection) -> None:
        connection.limited = True
        if connection.in_transaction:
            connection.later(connection.undo)
        if connection.writes:
            self._writing.release()
        else:
            self._idle.append(connection)
            self._room.release()

    def abandon(self, connection: SqliteConnection) -> None:
        connection.limited = True
        connection.interrupt()
        connection.later(connection.undo)
        if connection.writes:
            self._writing.release()
        else:
            self._idle.append(connection)
            self._room.release()

    def translate(self, error: BaseException) -> Exception | None:
        if not isinstance(error, sqlite3.Error):
            return QueryError("A value does not fit its column") if isinstance(error, OverflowError) else None
        name = getattr(error, "sqlite_errorname", "") or ""
        if isinstance(error, sqlite3.IntegrityError):
            kind = _INTEGRITY.get(name, IntegrityError)
            made: Exception = kind(_fields(str(error)))
            return made
        if name == "SQLITE_BUSY_SNAPSHOT":
            return SerializationConflictError()
        if name.startswith(_TIMEOUTS):
            return QueryTimeoutError()
        if name.startswith(_AWAY):
            return DatabaseUnavailableError()
        hint = UNMIGRATED if str(error).startswith(_ABSENT) else ""
        return QueryError(f"The database refused a statement with `{name or type(error).__name__}`{hint}")


def _fields(message: str) -> tuple[str, ...]:
    """Return the columns of ``UNIQUE constraint failed: users.org, users.email``."""
    _, found, listed = message.partition("constraint failed: ")
    if not found or not all("." in item for item in listed.split(", ")):
        return ()
    return tuple(item.rpartition(".")[2] for item in listed.split(", "))


def statements_of(sql: str) -> list[str]:
    """Split a script into statements, as SQLite itself says where each is complete."""
    found, current = [], ""
    for part in sql.split(";"):
        current += f"{part};"
        if sqlite3.complete_statement(current):
            if current.strip(" \n\t;"):
                found.append(current.strip())
            current = ""
    if current.strip(" \n\t;"):
        found.append(current.strip().removesuffix(";"))
    return found

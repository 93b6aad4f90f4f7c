"""The transaction of one unit of work: opened at the first write, shared by everything in it, ended with it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ._driver import Isolation
from .errors import CommitError, UnitEndedError, WriteInQueryError

if TYPE_CHECKING:
    from nestpy_core import Handler

    from ._database import Database

__all__ = ("Unit",)

Mode = Literal["query", "command"]

logger = logging.getLogger("nestpy.orm")


class Unit:
    """One unit of work on one database; `Database.transaction` and every handler open one.

    Its transaction begins at the first write, or at the first statement where an isolation level is asked for. One
    inside another is a savepoint of it. Statements of concurrent tasks wait for each other, for they share a
    connection, and for the end of a savepoint that one of them has opened: it would undo the others' work as well.

    Attributes:
        database: whose unit it is.
        mode: ``query`` refuses writes.
        ended: whether it was committed or undone.
    """

    __slots__ = (
        "_callbacks",
        "_connection",
        "_handler",
        "_isolation",
        "_lock",
        "_outer",
        "_savepoint",
        "_tokens",
        "database",
        "ended",
        "failed",
        "mode",
    )

    def __init__(
        self,
        database: Database,
        mode: Mode = "command",
        isolation: Isolation | None = None,
        *,
        handler: Handler | None = None,
    ) -> None:
        self.database = database
        self._isolation = isolation
        self._handler = handler
        self._lock: asyncio.Lock | None = None
        self._connection: Any = None
        self._outer: Unit | None = None
        self._savepoint = ""
        self._callbacks: list[Callable[[], Any]] | None = None
        self._tokens: Any = None
        self.mode: Mode = mode
        self.ended = False
        self.failed = False

    # -- beginning and ending

    async def __aenter__(self) -> Self:
        outer = self.database.unit
        if outer is not None and not outer.ended:
            self._join(outer)
        self._tokens = self.database.enter(self)
        return self

    def _join(self, outer: Unit) -> None:
        """Become a savepoint of *outer*, unless this is to be a transaction of its own."""
        if outer.mode == "query":
            # `database.transaction()` in a handler that only reads does not lift that; a listener's own work does.
            if self._handler is None:
                self.mode, self._handler = "query", outer._handler  # a unit of the same class
            return
        if self._isolation is None or outer.connection is not None:
            self._outer = outer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.leave(self._tokens)
        self.ended = True
        connection, keep = self._connection, error is None and not self.failed
        if connection is not None:
            cut = error is not None and not isinstance(error, Exception)
            await (self._end_savepoint if self._outer else self._end)(connection, keep=keep, cut=cut)
        if keep and self._callbacks:
            await self._announce(self._callbacks)

    async def _end(self, connection: Any, *, keep: bool, cut: bool) -> None:
        """Commit or undo, once the statement that still runs is done; hand a cut-off connection back as it is."""
        driver = self.database.driver
        if cut:
            driver.abandon(connection)
            return
        try:
            async with self.lock:
                await (connection.commit() if keep else connection.rollback())
        except BaseException as raised:
            driver.abandon(connection)
            if keep and isinstance(raised, Exception):
                raise self._commit_failure(raised) from raised
            if keep or not isinstance(raised, Exception):
                raise
            logger.warning("A transaction could not be undone; its connection is replaced: %s", type(raised).__name__)
            return
        driver.release(connection)

    async def _end_savepoint(self, connection: Any, *, keep: bool, cut: bool) -> None:
        """Release or undo the savepoint, unless what is around it is cut off as well, and let the others go on."""
        assert self._outer is not None  # noqa: S101  # who calls has looked
        word = "RELEASE SAVEPOINT" if keep else "ROLLBACK TO SAVEPOINT"
        try:
            if not cut:
                async with self.lock:
                    await self.database.guard(connection.execute(f"{word} {self._savepoint}", ()))
        finally:
            self._outer.lock.release()

    def _commit_failure(self, raised: Exception) -> Exception:
        known = self.database.driver.translate(raised)
        return known or CommitError("The transaction could not be committed; nothing of it was kept")

    def fail(self) -> None:
        """Let the unit end without keeping anything, though no exception leaves it."""
        self.failed = True

    # -- what runs after it

    def after_commit(self, callback: Callable[[], Awaitable[None] | None]) -> bool:
        """Call *callback* once everything of the outermost unit is kept; never when it is undone.

        What it raises is logged: the work is done and stays done. Returns False once the unit has ended.
        """
        if not self.ended:
            self._defer([callback])
        return not self.ended

    def _defer(self, callbacks: list[Callable[[], Any]]) -> None:
        self._callbacks = [*(self._callbacks or ()), *callbacks]

    async def _announce(self, callbacks: list[Callable[[], Any]]) -> None:
        if self._outer is not None:
            self._outer._defer(callbacks)
            return
        for callback in callbacks:
            try:
                made = callback()
                if inspect.isawaitable(made):
                    await made
            except Exception:
                logger.exception("What was to run after a commit failed")

    # -- statements

    @property
    def lock(self) -> asyncio.Lock:
        """What makes the statements of concurrent tasks wait for each other."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock

    @property
    def over(self) -> bool:
        """Whether it, or one around it, has ended."""
        return self.ended or (self._outer is not None and self._outer.over)

    @property
    def connection(self) -> Any:
        """The connection of the transaction; None while there is none, and statements take one from the pool."""
        holder = self.holder
        return None if holder is None else holder._connection

    @property
    def holder(self) -> Unit | None:
        """The innermost unit, from this one outwards, whose transaction or savepoint is open."""
        if self.over:
            return None
        unit: Unit | None = self
        while unit is not None and unit._connection is None:
            unit = unit._outer
        return unit

    def joining(self, *, write: bool) -> Unit | None:
        """Return the unit whose lock and connection a statement takes, or None where the pool serves it.

        Raises:
            WriteInQueryError: it writes, and the unit only reads.
            UnitEndedError: it writes, and the unit has ended.
        """
        if write:
            self._check_write()
            return self
        return self if self._isolation is not None and not self.over else self.holder

    async def joined(self, *, write: bool) -> Any:
        """Return the connection for a statement; `lock` is held. None where the unit has ended in the meantime."""
        if write:
            self._check_write()
        if self.over:
            return None
        if self._connection is None:
            await self._begin()
        return self._connection

    def _check_write(self) -> None:
        if self.over:
            raise UnitEndedError(
                "A task that outlived its unit of work tried to write.\n"
                "Hint: await the task in the handler, or open `async with database.transaction():` in it"
            )
        if self.mode == "query":
            label = "" if self._handler is None else self._handler.label
            raise WriteInQueryError(
                f"`{label}` only reads by its kind, and tried to write.\n"
                "Hint: make it a command (POST, PUT, PATCH, DELETE), or decorate it with `@transactional()`"
            )

    async def _begin(self) -> None:
        if self._outer is None:
            connection = await self.database.driver.acquire(write=True)
            try:
                await self.database.guard(connection.begin(self._isolation))
            except BaseException:
                self.database.driver.abandon(connection)
                raise
            self._connection = connection
            return
        await self._outer.lock.acquire()
        try:
            connection = await self._outer.joined(write=True)
            self._savepoint = f"nestpy_{self.database.next_number()}"
            await self.database.guard(connection.execute(f"SAVEPOINT {self._savepoint}", ()))
        except BaseException:
            self._outer.lock.release()
            raise
        self._connection = connection

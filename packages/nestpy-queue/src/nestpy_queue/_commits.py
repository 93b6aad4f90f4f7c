"""One thread that writes: whatever steps have come together since its last commit are the next one."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from . import _tables as tables
from .errors import StoreUnavailableError

T = TypeVar("T")
Step = Callable[[sqlite3.Cursor], Any]
Answer = tuple[asyncio.Future[Any] | None, Any, Exception | None]

_MOST = 512
"""Steps of one commit at the most."""


class Commits:
    """Runs steps in order in one thread, several to a transaction, and answers once they are on disk."""

    def __init__(self, path: str, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._steps: queue.SimpleQueue[tuple[Step, asyncio.Future[Any] | None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file; what is wrong with it is raised here.

        Raises:
            StoreUnavailableError: the file cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, args=(opened,), name="nestpy-queue", daemon=True)
        self._thread.start()
        await opened
        if self._path != tables.MEMORY:
            self._watch = tables.connect(self._path)

    async def close(self) -> None:
        """Finish the steps given so far and close the file."""
        if self._thread is not None:
            self._steps.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    async def run(self, step: Callable[[sqlite3.Cursor], T]) -> T:
        """Return what *step* returns, once its transaction is committed."""
        if self._thread is None or self._loop is None:
            raise StoreUnavailableError("The queue's file is closed")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._steps.put((step, answer))
        return await answer

    def post(self, step: Step) -> None:
        """Run *step* without waiting for it; for other threads."""
        self._steps.put((step, None))

    def version(self) -> int:
        """Return a number that changes with every commit to the file, of whichever process."""
        if self._watch is None:
            return 0
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def _work(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = tables.connect(self._path, self._synchronous)
        except sqlite3.Error as error:
            self._answer([(opened, None, unavailable(self._path, error))])
            return
        self._answer([(opened, None, None)])
        while (batch := self._next()) is not None:
            self._answer(_commit(connection, batch, self._path))
        connection.close()

    def _next(self) -> list[tuple[Step, asyncio.Future[Any] | None]] | None:
        first = self._steps.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < _MOST and not self._steps.empty():
            item = self._steps.get()
            if item is None:
                self._steps.put(None)
                break
            batch.append(item)
        return batch

    def _answer(self, answers: list[Answer]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answers)


def _commit(
    connection: sqlite3.Connection, batch: list[tuple[Step, asyncio.Future[Any] | None]], path: str
) -> list[Answer]:
    cursor = connection.cursor()
    try:
        cursor.execute("BEGIN IMMEDIATE")
        answers: list[Answer] = [(answer, step(cursor), None) for step, answer in batch]
        connection.commit()
    except Exception as error:  # noqa: BLE001  # each step's own caller is told
        connection.rollback()
        if len(batch) > 1:
            return [one for item in batch for one in _commit(connection, [item], path)]
        shown = unavailable(path, error) if isinstance(error, sqlite3.Error) else error
        return [(batch[0][1], None, shown)]
    return answers


def _settle(answers: list[Answer]) -> None:
    for future, value, error in answers:
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def unavailable(path: str, error: Exception) -> StoreUnavailableError:
    """Return what the callers of a step are told when the file failed it."""
    return StoreUnavailableError(f"The queue's file `{path}` cannot be used: {error}")

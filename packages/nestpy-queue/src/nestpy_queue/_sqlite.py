"""Keeps jobs in one SQLite file that the processes of a machine share; many small steps are one commit."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from nestpy_core import ConfigurationError

from . import _tables as tables
from ._commits import Commits, unavailable
from ._store import Ending, QueueCounts, Reservation, State, Stored, Submission, Sweep

__all__ = ("SqliteStore",)

_POLL = 0.02


class SqliteStore:
    """Jobs in a file in WAL mode, or in memory for tests.

    Args:
        path: the file; its directory is made. ``:memory:`` is this store's own.
        keep: seconds that a cancelled job stays known.
        synchronous: ``FULL`` puts each job on disk before it is taken; ``NORMAL`` can lose the last ones to a
            power loss, none to a killed process.
    """

    submit_within: float | None = None

    def __init__(self, path: str, *, keep: float = 3600.0, synchronous: str = "FULL") -> None:
        in_memory = path == tables.MEMORY
        self.durability = (
            "nothing outlives the process"
            if in_memory
            else "each job is on disk before it is taken"
            if synchronous == "FULL"
            else "a power loss can cost the last jobs"
        )
        self._path = path if in_memory else str(Path(path).absolute())
        self._keep = keep
        self._commits = Commits(self._path, synchronous)
        self._arrivals: dict[str, asyncio.Event] = {}
        self._pauses: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    async def open(self) -> None:
        """Make the file, its directory and the tables where they are missing.

        Raises:
            ConfigurationError: that is not possible.
        """
        try:
            if self._path != tables.MEMORY:
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            await self._commits.open()
            await self._commits.run(tables.create)
        except (OSError, sqlite3.Error) as error:
            rule = f"must be that of a file that can be opened, and opening it failed: {error}"
            raise ConfigurationError("queue.path", rule, hints=("correct `NESTPY_QUEUE__PATH`",)) from None

    async def close(self) -> None:
        """Finish what was given, and close the file."""
        await self._commits.close()

    async def submit(self, queue: str, jobs: Sequence[Submission]) -> list[str]:
        """Take jobs in."""
        holders = await self._commits.run(lambda cursor: tables.submit(cursor, queue, jobs, time.time()))
        self._arrival(queue).set()
        return holders

    async def reserve(
        self, queue: str, worker: str, limit: int, rate: tuple[int, float] | None, *, solo: bool = False
    ) -> list[Reservation]:
        """Start waiting jobs."""
        self._arrival(queue).clear()
        self._seen[queue] = self._commits.version()
        found, pause = await self._commits.run(
            lambda cursor: tables.reserve(cursor, queue, worker, limit, rate=rate, solo=solo, now=time.time())
        )
        self._pauses[queue] = pause
        return found

    async def wait(self, queue: str, seconds: float) -> None:
        """Wait for a job of this process, or for a commit of another."""
        pause = self._pauses.pop(queue, 0.0)
        if pause:
            await asyncio.sleep(min(seconds, pause))
            return
        arrival = self._arrival(queue)
        until = time.monotonic() + seconds
        seen = self._seen.pop(queue, 0)
        while not arrival.is_set() and time.monotonic() < until and self._commits.version() == seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await arrival.wait()

    async def end(self, endings: Sequence[Ending]) -> list[bool]:
        """End attempts."""
        answers = await self._commits.run(lambda cursor: tables.end(cursor, endings, time.time()))
        for queue in {one.reservation.queue for one in endings if one.outcome == "release"}:
            self._arrival(queue).set()
        return answers

    async def recover(self, queue: str, worker: str, running: Collection[str]) -> int:
        """Release what this worker owns and does not know of."""
        return await self._commits.run(lambda cursor: tables.release(cursor, queue, worker, running))

    async def forget(self, queue: str, worker: str) -> None:
        """Release everything of a worker and strike it off."""
        await self._commits.run(lambda cursor: tables.forget(cursor, queue, worker))

    async def sweep(self, queue: str, max_deaths: int, *, reclaim: bool = True) -> Sweep:
        """Promote what is due, reclaim what dead workers ran, forget what is old."""
        found, promoted = await self._commits.run(
            lambda cursor: tables.sweep(
                cursor, queue, max_deaths if reclaim else None, now=time.time(), uptime=time.monotonic()
            )
        )
        if promoted or found.reclaimed:
            self._arrival(queue).set()
        return found

    def beater(self, queues: Sequence[str], worker: str, lease: float) -> Callable[[], None]:
        """Return what renews the worker's row, over a connection of its own."""
        if self._path == tables.MEMORY:
            return lambda: self._commits.post(lambda cursor: tables.beat(cursor, queues, worker, _alive(lease)))

        def beat() -> None:
            try:
                with contextlib.closing(tables.connect(self._path)) as connection:
                    tables.beat(connection.cursor(), queues, worker, _alive(lease))
            except sqlite3.Error as error:
                raise unavailable(self._path, error) from error

        return beat

    async def progress(self, reservation: Reservation, worker: str, value: bytes) -> bool:
        """Remember how far a job is."""
        return await self._commits.run(lambda cursor: tables.progress(cursor, reservation, worker, value))

    async def find(self, queue: str, id: str) -> Stored | None:  # noqa: A002  # as its protocol
        """Return what is known of a job."""
        return await self._commits.run(lambda cursor: tables.find(cursor, queue, id))

    async def cancel(self, queue: str, id: str) -> State | None:  # noqa: A002  # as its protocol
        """Cancel a waiting job, or ask its worker to."""
        return await self._commits.run(lambda cursor: tables.cancel(cursor, queue, id, time.time(), self._keep))

    async def counts(self, queue: str) -> QueueCounts:
        """Count the jobs of a queue."""
        return await self._commits.run(lambda cursor: tables.counts(cursor, queue, time.time(), time.monotonic()))

    async def dead(self, queue: str, limit: int) -> list[Stored]:
        """Return dead letters, the oldest first."""
        return await self._commits.run(lambda cursor: tables.dead(cursor, queue, limit))

    async def replay(self, queue: str, ids: Sequence[str]) -> int:
        """Let dead jobs wait again."""
        count = await self._commits.run(lambda cursor: tables.replay(cursor, queue, ids, time.time()))
        self._arrival(queue).set()
        return count

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """Forget dead jobs."""
        return await self._commits.run(lambda cursor: tables.purge(cursor, queue, ids))

    async def pause(self, queue: str, *, paused: bool) -> None:
        """Stop starting jobs, or go on."""
        await self._commits.run(lambda cursor: tables.pause(cursor, queue, paused=paused))
        self._arrival(queue).set()

    def _arrival(self, queue: str) -> asyncio.Event:
        return self._arrivals.setdefault(queue, asyncio.Event())


def _alive(lease: float) -> float:
    # The clock that all processes since the last boot share, and that nobody sets.
    return time.monotonic() + lease

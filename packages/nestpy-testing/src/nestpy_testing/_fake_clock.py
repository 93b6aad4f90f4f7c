"""A clock that stands still until a test moves it, and wakes who sleeps in the order of their times."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from nestpy_core import Clock

from .errors import TestAppError

__all__ = ("FakeClock",)

_TURNS = 3
"""Turns of the loop without anything ready, after which everybody is taken to wait: one polls its sockets."""
_BLIND_TURNS = 50
"""The same for a loop that does not show what is ready."""


class FakeClock(Clock):
    """Time that passes when a test says so: ``await clock.advance(3600)``.

    Put it in place of the app's: ``TestApp(…).override_provider(Clock).use_value(clock)``. Code that calls
    `asyncio` or anyio instead of a `Clock` follows it inside `driving_loop`.

    Args:
        start: the time of day to begin with, aware; by default 2026-01-01 00:00 UTC.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("`start` must be an aware datetime, for instance `datetime(2026, 1, 1, tzinfo=UTC)`")
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._stepped = timedelta()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_offset = 0.0

    # -- the contract

    def now(self) -> datetime:
        return self._start + self._stepped + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        await woken

    # -- the test's side

    @property
    def sleepers(self) -> int:
        """How many tasks sleep on this clock."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def advance(self, by: float | timedelta) -> None:
        """Let time pass: seconds or a timedelta.

        Whoever becomes due is woken at its own time, one after the other, and everybody has gone as far as they
        can before the next is. A task that sleeps again and again is woken each time.

        Raises:
            ValueError: *by* is negative; `step` sets the time of day back.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError("time does not go back; `step` sets the time of day")
        ends = self._elapsed + seconds
        await self.settle()
        while (due := self._next_due()) is not None and due <= ends:
            self._elapsed = max(self._elapsed, due)
            self._wake_one()
            await self.settle()
        self._elapsed = ends
        await self.settle()

    async def advance_to(self, moment: datetime) -> None:
        """Let time pass until this time of day.

        Raises:
            ValueError: it has passed.
        """
        await self.advance(moment - self.now())

    def step(self, by: float | timedelta) -> None:
        """Set the time of day forwards or back, as an administrator or a time server does; nobody wakes of it."""
        self._stepped += by if isinstance(by, timedelta) else timedelta(seconds=by)

    async def settle(self) -> None:
        """Let every task go on until all of them wait.

        Work in threads and answers over sockets take real time, which this does not wait for.
        """
        ready: Any = getattr(asyncio.get_running_loop(), "_ready", None)
        quiet = 0
        for _ in range(_BLIND_TURNS) if ready is None else itertools.count():
            await asyncio.sleep(0)
            quiet = 0 if ready else quiet + 1
            if ready is not None and quiet == _TURNS:
                return

    @contextlib.contextmanager
    def driving_loop(self) -> Iterator[None]:
        """Make this clock that of the running loop: `asyncio.sleep`, time-outs and `call_later` follow it.

        Raises:
            TestAppError: the loop has a clock of its own that cannot be replaced, as uvloop's has.
        """
        loop = asyncio.get_running_loop()
        if not hasattr(loop, "_scheduled"):
            raise TestAppError(
                f"The time of `{type(loop).__module__}.{type(loop).__qualname__}` cannot be driven.\n"
                f"Hint: run this test on asyncio's own loop"
            )
        self._loop, self._loop_offset = loop, loop.time() - self._elapsed
        loop.time = lambda: self._elapsed + self._loop_offset  # type: ignore[method-assign]
        try:
            yield
        finally:
            del loop.time
            self._loop = None

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        times = [self._sleepers[0][0]] if self._sleepers else []
        scheduled: list[Any] = getattr(self._loop, "_scheduled", [])
        times += [handle.when() - self._loop_offset for handle in scheduled if not handle.cancelled()]
        return min(times, default=None)

    def _wake_one(self) -> None:
        # Those of the loop wake by themselves, now that its time has come.
        if self._sleepers and self._sleepers[0][0] <= self._elapsed:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

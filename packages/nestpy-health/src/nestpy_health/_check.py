"""One indicator as a probe runs it: in a task of its own, never twice at once, silent about the cause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ._report import IndicatorReport

logger = logging.getLogger("nestpy.health")


class Check:
    """One indicator of one probe.

    Attributes:
        name: what the answer calls it.
        probe: whose it is.
        timeout: seconds that it may take.
    """

    def __init__(self, name: str, probe: str, timeout: float, call: Callable[[Check], Awaitable[Any]]) -> None:
        self.name = name
        self.probe = probe
        self.timeout = timeout
        self._call = call
        self._task: asyncio.Task[Any] | None = None
        self._late = False

    def start(self) -> asyncio.Task[Any] | None:
        """Begin; None while an earlier call, which nothing could cancel, still runs: a hung check is one task."""
        if self._task is not None and not self._task.done():
            return None
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run())
        timer = loop.call_later(self.timeout, self._expire, self._task)
        self._task.add_done_callback(lambda _: timer.cancel())
        self._late = False
        return self._task

    async def _run(self) -> Any:
        return await self._call(self)

    def _expire(self, task: asyncio.Task[Any]) -> None:
        self._late = True
        task.cancel()

    def stop(self) -> None:
        """Cancel what runs."""
        if self._task is not None:
            self._task.cancel()

    def report(self, *, started: bool) -> IndicatorReport:
        """Return what became of it; what has not ended by now is cancelled.

        Args:
            started: whether `start` began it for this probe.
        """
        task = self._task
        if not started or task is None:
            return self._down("timed out", "still runs since an earlier probe")
        if self._late:
            _watch(task)
            return self._down("timed out", f"did not end within {self.timeout:g} s")
        if not task.done():
            task.cancel()
            _watch(task)
            return self._down("probe deadline exceeded", "did not end before the probe's deadline")
        if task.cancelled():
            return self._down("check failed", "was cancelled")
        error = task.exception()
        if error is not None:
            return self._down("check failed", "failed", error)
        result = task.result()
        if result is None or result is True:
            return IndicatorReport(name=self.name, status="up")
        return self._down("check failed", f"returned a {type(result).__name__} that is neither None nor True")

    def _down(self, error: str, why: str, cause: BaseException | None = None) -> IndicatorReport:
        logger.warning("indicator %s of %s %s", self.name, self.probe, why, exc_info=cause)
        return IndicatorReport(name=self.name, status="down", error=error)


def _watch(task: asyncio.Task[Any]) -> None:
    """Let nobody complain that the end of an abandoned task was not looked at."""
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

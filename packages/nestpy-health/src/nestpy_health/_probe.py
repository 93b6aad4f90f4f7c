"""One probe: its indicators together, within a deadline, once for all who ask at a time, remembered for a second."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence

from ._check import Check
from ._report import HealthReport, report_of

UP = report_of(())


class Probe:
    """The indicators of liveness, readiness or startup.

    Args:
        checks: what it runs; without any it is up.
        deadline: seconds that all of them together may take.
        keep: seconds that a report is given again.
        now: tells the seconds by which that is counted.
    """

    def __init__(self, checks: Sequence[Check], *, deadline: float, keep: float, now: Callable[[], float]) -> None:
        self._checks = checks
        self._now = now
        self._deadline = deadline
        self._keep = keep
        self._known = UP
        self._expires = float("-inf") if checks else float("inf")
        self._flight: asyncio.Task[HealthReport] | None = None

    def known(self) -> HealthReport | None:
        """Return the last report while it is good."""
        return self._known if self._now() < self._expires else None

    async def report(self) -> HealthReport:
        """Return the last report, or run the indicators, or wait for those that run already."""
        known = self.known()
        if known is not None:
            return known
        if self._flight is None or self._flight.done():
            # A context of its own: whoever happened to ask first is not who acts in it.
            self._flight = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        flight = self._flight
        await asyncio.wait([flight])
        return self._known if flight.cancelled() else flight.result()

    async def _run(self) -> HealthReport:
        started = {check: check.start() for check in self._checks}
        tasks = [task for task in started.values() if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self._deadline)
        self._known = report_of([check.report(started=task is not None) for check, task in started.items()])
        self._expires = self._now() + self._keep
        return self._known

    def stop(self) -> None:
        """Cancel what runs and begin nothing more: the last report is good for ever."""
        self._expires = float("inf")
        if self._flight is not None:
            self._flight.cancel()
        for check in self._checks:
            check.stop()

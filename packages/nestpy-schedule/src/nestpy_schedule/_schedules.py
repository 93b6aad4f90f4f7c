"""The scheduler: waits for what is due, and looks for what others could not finish."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta

from nestpy_core import Clock, injectable
from nestpy_core.contracts import OccurrenceStore

from ._config import ScheduleConfig
from ._entry import Entry, ScheduleStatus
from ._expression import Cron
from ._runs import Runs
from ._scheduled import Policy
from ._tick import Tick
from ._trigger import CronTrigger, DelayTrigger, IntervalTrigger, Trigger, seconds_of
from .errors import ScheduleError, UnknownScheduleError

__all__ = ("Schedules",)

logger = logging.getLogger("nestpy.schedule")

_LONGEST_SLEEP = 30.0
_QUIET = 0.5
"""Seconds after something was due before the due times that follow are found: a thousand take a twentieth of one."""


@injectable
class Schedules:
    """The schedules of the running app: inject it to add, remove and look at them."""

    clock: Clock
    store: OccurrenceStore
    config: ScheduleConfig

    @property
    def _state(self) -> State:
        found: State | None = self.__dict__.get("_kept")
        if found is None:
            found = self.__dict__["_kept"] = State(Runs(self.clock, self.store, self.config.lease))
        return found

    # -- what users call

    def add_cron(
        self,
        name: str,
        expression: str,
        call: Callable[[], Awaitable[object]],
        *,
        tz: str = "UTC",
        policy: Policy | None = None,
    ) -> None:
        """Add a schedule to this process while it runs.

        Args:
            name: unique; processes that add the same name share its occurrences.
            expression: as of `cron`.
            call: what runs.
            tz: the time zone.
            policy: late, long and many runs.

        Raises:
            ScheduleError: there is one of this name.
            ExpressionError: the expression or zone cannot be.
        """
        self._add(name, CronTrigger(Cron(expression, tz)), call, policy)

    def add_every(
        self,
        name: str,
        interval: str | float | timedelta,
        call: Callable[[], Awaitable[object]],
        *,
        policy: Policy | None = None,
    ) -> None:
        """Add an interval while the app runs; see `add_cron` and `every`."""
        self._add(name, IntervalTrigger(seconds_of(interval, "add_every")), call, policy)

    def add_after(self, name: str, delay: str | float | timedelta, call: Callable[[], Awaitable[object]]) -> None:
        """Run something once, some time from now; see `add_cron` and `after`."""
        self._add(name, DelayTrigger(seconds_of(delay, "add_after")), call, None)

    def remove(self, name: str, *, cancel: bool = False) -> None:
        """Remove a schedule from this process.

        Args:
            name: its name.
            cancel: whether runs that are under way are cancelled.

        Raises:
            UnknownScheduleError: there is none.
        """
        entry = self._entry(name)
        entry.removed = True
        del self._state.entries[name]
        if cancel:
            for task in entry.running:
                task.cancel()
        self._state.changed.set()

    def status(self, name: str) -> ScheduleStatus:
        """Return what is known of one schedule.

        Raises:
            UnknownScheduleError: there is none.
        """
        return self._entry(name).status()

    def all(self) -> list[ScheduleStatus]:
        """Return what is known of every schedule, by name."""
        return [entry.status() for _, entry in sorted(self._state.entries.items())]

    def next_times(self, name: str, count: int = 5) -> list[datetime]:
        """Return the next due times of a schedule, in UTC.

        Raises:
            UnknownScheduleError: there is none.
        """
        entry = self._entry(name)
        found: list[datetime] = []
        due = entry.due
        while due is not None and len(found) < count:
            found.append(due)
            due = entry.trigger.after(due, aligned=self._aligned)
        return found

    def _entry(self, name: str) -> Entry:
        try:
            return self._state.entries[name]
        except KeyError:
            known = ", ".join(f"`{one}`" for one in sorted(self._state.entries)) or "none"
            raise UnknownScheduleError(f"There is no schedule `{name}`.\nHint: there are {known}") from None

    def _add(self, name: str, trigger: Trigger, call: Callable[[], Awaitable[object]], policy: Policy | None) -> None:
        async def run(_: Tick) -> None:
            await call()

        self.enter(Entry(name, trigger, policy or Policy(), run))

    # -- what the edge calls

    def enter(self, entry: Entry) -> None:
        """Take in a schedule; while the app serves it is due from now on.

        Raises:
            ScheduleError: there is one of this name.
        """
        state = self._state
        if entry.name in state.entries:
            raise ScheduleError(
                f"There is a schedule `{entry.name}` already.\nHint: remove it first, or use another name"
            )
        state.entries[entry.name] = entry
        entry.due = entry.trigger.first(self.clock.now(), aligned=self._aligned)
        state.changed.set()
        state.moved.set()

    def leave(self) -> None:
        """Forget all schedules, before a start."""
        self.__dict__.pop("_kept", None)

    @property
    def _aligned(self) -> bool:
        return bool(getattr(self.store, "shared", True))

    async def run(self) -> None:
        """Start what is due, for ever."""
        await asyncio.gather(*(self._catch_up(entry) for entry in list(self._state.entries.values())))
        beside = [
            asyncio.create_task(work, name=name)
            for name, work in (("schedule prepare", self._prepare()), ("schedule recover", self._recover()))
        ]
        try:
            await self._start_what_is_due()
        finally:
            for one in beside:
                one.cancel()

    async def _prepare(self) -> None:
        # Thirty microseconds each, which a thousand that are due at once would all wait for.
        while True:
            await self._state.moved.wait()
            await asyncio.sleep(_QUIET)
            self._state.moved.clear()
            for entry in [one for one in self._state.entries.values() if not one.prepared]:
                entry.prepare(aligned=self._aligned)
                await asyncio.sleep(0)

    async def _recover(self) -> None:
        while True:
            for entry in [one for one in self._state.entries.values() if one.policy.recover]:
                with contextlib.suppress(Exception):  # a store that is away is asked again
                    for due in await self._state.runs.abandoned(entry):
                        self._start(entry, due, self._state.runs.again)
            await asyncio.sleep(self.config.lease / 3)

    async def _start_what_is_due(self) -> None:
        seen = self.clock.now()
        while True:
            now = self.clock.now()
            if now < seen - timedelta(seconds=1):
                self._set_back(now)
            seen = now
            for entry in [one for one in self._state.entries.values() if one.due is not None and one.due <= now]:
                for due in entry.take_due(now, aligned=self._aligned):
                    self._start(entry, due, self._state.runs.occurrence)
                self._state.moved.set()
            await self._until_due()

    async def _catch_up(self, entry: Entry) -> None:
        if entry.policy.misfire == "skip" or isinstance(entry.trigger, DelayTrigger):
            return
        try:
            latest = await self.store.latest(entry.name)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            logger.warning("what was missed of %s is not known: %s", entry.name, error)
            return
        if latest is not None:
            entry.due = entry.trigger.after(latest, aligned=self._aligned)

    def _set_back(self, now: datetime) -> None:
        logger.warning("the clock was set back; every schedule is due anew from %s on", now.isoformat())
        for entry in self._state.entries.values():
            if not isinstance(entry.trigger, DelayTrigger):
                entry.due = entry.trigger.first(now, aligned=self._aligned)

    async def _until_due(self) -> None:
        changed = self._state.changed
        changed.clear()
        dues = [one.due for one in self._state.entries.values() if one.due is not None]
        seconds = (min(dues) - self.clock.now()).total_seconds() if dues else _LONGEST_SLEEP
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waits = {
            asyncio.ensure_future(self.clock.sleep(min(seconds, _LONGEST_SLEEP))),
            asyncio.ensure_future(changed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _start(
        self, entry: Entry, due: datetime, run: Callable[[Entry, datetime], Coroutine[None, None, None]]
    ) -> None:
        task = asyncio.create_task(run(entry, due), name=f"schedule {entry.name}")
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def finish(self) -> None:
        """Wait for what runs."""
        while self._state.tasks:
            await asyncio.wait(list(self._state.tasks))

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cancel what runs, and return it."""
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        return tasks


class State:
    """What a start of the app knows of its schedules."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.entries: dict[str, Entry] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        self.moved = asyncio.Event()

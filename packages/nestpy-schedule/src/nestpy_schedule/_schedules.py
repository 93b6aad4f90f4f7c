"""The scheduler: waits for what is due, claims each occurrence, and keeps one run out of the other's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from nestpy_core import Clock, injectable
from nestpy_core.contracts import OccurrenceStore

from ._config import ScheduleConfig
from ._entry import Entry, ScheduleStatus
from ._expression import Cron
from ._scheduled import Policy
from ._tick import Tick
from ._trigger import CronTrigger, DelayTrigger, IntervalTrigger, Trigger, seconds_of
from .errors import ScheduleError, UnknownScheduleError

__all__ = ("Schedules",)

logger = logging.getLogger("nestpy.schedule")

_LONGEST_SLEEP = 30.0
_KEEP = 7 * 86_400.0
_QUIET = 0.5
"""Seconds after something was due before the due times that follow are found: a thousand take a twentieth of one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
            found = self.__dict__["_kept"] = State()
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
        preparing = asyncio.create_task(self._prepare(), name="schedule prepare")
        try:
            await self._start_what_is_due()
        finally:
            preparing.cancel()

    async def _prepare(self) -> None:
        # Thirty microseconds each, which a thousand that are due at once would all wait for.
        while True:
            await self._state.moved.wait()
            await asyncio.sleep(_QUIET)
            self._state.moved.clear()
            for entry in [one for one in self._state.entries.values() if not one.prepared]:
                entry.prepare(aligned=self._aligned)
                await asyncio.sleep(0)

    async def _start_what_is_due(self) -> None:
        seen = self.clock.now()
        while True:
            now = self.clock.now()
            if now < seen - timedelta(seconds=1):
                self._set_back(now)
            seen = now
            for entry in [one for one in self._state.entries.values() if one.due is not None and one.due <= now]:
                for due in entry.take_due(now, aligned=self._aligned):
                    self._start(entry, due)
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

    def _start(self, entry: Entry, due: datetime) -> None:
        task = asyncio.create_task(self._occurrence(entry, due), name=f"schedule {entry.name}")
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

    # -- one occurrence

    async def _occurrence(self, entry: Entry, due: datetime) -> None:
        try:
            if await entry.confirmed(self.store):
                await self._claimed_occurrence(entry, due)
        finally:
            entry.over(due)

    async def _claimed_occurrence(self, entry: Entry, due: datetime) -> None:
        if not await self._claimed(entry, due):
            entry.taken(due)
            return
        if entry.removed:
            return
        if entry.policy.jitter:
            await self.clock.sleep(random.uniform(0, entry.policy.jitter))  # noqa: S311  # no secret
        if entry.policy.overlap == "allow":
            await self._run_once(entry, due)
        elif await self._alone(entry):
            await self._run_held(entry, due)
        else:
            entry.outcome = "skipped"
            logger.info("%s, due at %s, is skipped: the run before it goes on", entry.name, due.isoformat())

    async def _claimed(self, entry: Entry, due: datetime) -> bool:
        key, when = (entry.name, due) if entry.key is None else (f"once {entry.key}", _EPOCH)
        if isinstance(entry.trigger, DelayTrigger) and entry.key is None:
            return True
        keep = 100 * 366 * 86_400.0 if entry.key else _KEEP
        until = self.clock.monotonic() + entry.policy.grace
        # In order, for the latest claim says where the next process goes on: what is before it must be claimed too.
        async with entry.claiming:
            while True:
                try:
                    return await self.store.claim(key, when, keep=keep)
                except Exception as error:  # noqa: BLE001  # whatever a store raises
                    if self.clock.monotonic() >= until:
                        logger.warning("%s, due at %s, does not run: nobody grants it: %s", entry.name, due, error)
                        return False
                await self.clock.sleep(1.0)

    async def _alone(self, entry: Entry) -> bool:
        if entry.policy.overlap == "cancel_previous":
            running = list(entry.running)
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)
        if not entry.running and await self._hold(entry):
            return True
        if entry.policy.overlap == "skip" or entry.queued:
            return False
        entry.queued = True
        try:
            while entry.running or not await self._hold(entry):
                await self.clock.sleep(0.05 if entry.running else self.config.lease / 10)
        finally:
            entry.queued = False
        return True

    async def _hold(self, entry: Entry) -> bool:
        try:
            return await self.store.hold(entry.name, self._state.holder, lease=self.config.lease)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            logger.warning("whether %s runs elsewhere is not known: %s", entry.name, error)
            return True

    async def _run_held(self, entry: Entry, due: datetime) -> None:
        holding = asyncio.create_task(self._keep_holding(entry))
        try:
            await self._run_once(entry, due)
        finally:
            holding.cancel()
            with contextlib.suppress(Exception):
                await self.store.free(entry.name, self._state.holder)

    async def _keep_holding(self, entry: Entry) -> None:
        while True:
            await asyncio.sleep(self.config.lease / 3)
            await self._hold(entry)

    async def _run_once(self, entry: Entry, due: datetime) -> None:
        tick = Tick(entry.name, due, self.clock.now())
        task = asyncio.create_task(self._called(entry, tick), name=f"tick {entry.name}")
        entry.running.add(task)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                raise
            entry.outcome = "cancelled"
        finally:
            entry.running.discard(task)
            entry.last = due

    async def _called(self, entry: Entry, tick: Tick) -> None:
        try:
            await entry.call(tick)
        except Exception as error:  # noqa: BLE001  # the schedule goes on whatever a run raises
            tick.error = error
        entry.outcome = "ok" if tick.error is None else "error"
        if tick.error is not None:
            logger.error("%s, due at %s, failed", entry.name, tick.due.isoformat(), exc_info=tick.error)


class State:
    """What a start of the app knows of its schedules."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        self.moved = asyncio.Event()
        self.holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

"""One occurrence: claims it, keeps one run out of the other's way, runs it, and says that it has run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import socket
from datetime import datetime
from typing import Any

from nestpy_core import Clock
from nestpy_core.contracts import OccurrenceStore

from ._entry import Entry
from ._tick import Tick
from ._trigger import DelayTrigger

logger = logging.getLogger("nestpy.schedule")

_KEEP = 7 * 86_400.0
_FOR_GOOD = 100 * 366 * 86_400.0


class Runs:
    """Runs the occurrences of one start of an app.

    Args:
        clock: what time it is.
        store: who may run what.
        lease: seconds that this process may be silent before others take over.

    Attributes:
        holder: what this process is called in the store.
    """

    def __init__(self, clock: Clock, store: OccurrenceStore, lease: float) -> None:
        self.clock = clock
        self.store = store
        self.lease = lease
        self.holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

        self._open: set[tuple[str, datetime]] = set()

    async def occurrence(self, entry: Entry, due: datetime) -> None:
        """Run an occurrence that is due, unless another process has it."""
        try:
            if await entry.confirmed(self.store):
                await self._claimed_occurrence(entry, due)
        finally:
            entry.over(due)

    async def _claimed_occurrence(self, entry: Entry, due: datetime) -> None:
        if not await self._claimed(entry, due):
            entry.taken(due)
        elif entry.policy.recover:
            await self._until_settled(entry, due, recovered=False)
        else:
            await self._granted(entry, due, recovered=False)

    async def abandoned(self, entry: Entry) -> list[datetime]:
        """Take over the occurrences of a schedule whose processes died; return when they were due."""
        key, _ = entry.identity(self.clock.now())
        found = []
        while (due := await self.store.take_over(key, self.holder, lease=self.lease)) is not None:
            if (key, due) not in self._open:  # one that runs here was not renewed in time
                found.append(due if entry.key is None else self.clock.now())
        return found

    async def again(self, entry: Entry, due: datetime) -> None:
        """Run an occurrence that was taken over."""
        text = "%s, due at %s, was begun by a process that died; it runs here"
        logger.warning(text, entry.name, due.isoformat())
        await self._until_settled(entry, due, recovered=True)

    async def _until_settled(self, entry: Entry, due: datetime, *, recovered: bool) -> None:
        # Another process takes it over once this one is not heard of for a lease, or is to end before the run has.
        self._open.add(entry.identity(due))
        renewing = asyncio.create_task(self._keep_open(entry, due))
        settled = False
        try:
            await self._granted(entry, due, recovered=recovered)
            if not _is_cancelled():
                await self._settle(entry, due)
                settled = True
        finally:
            renewing.cancel()
            self._open.discard(entry.identity(due))
            if not settled:
                with contextlib.suppress(Exception):
                    await self.store.renew(*entry.identity(due), self.holder, lease=0)

    async def _keep_open(self, entry: Entry, due: datetime) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            with contextlib.suppress(Exception):  # a store that is away is told again
                await self.store.renew(*entry.identity(due), self.holder, lease=self.lease)

    async def _settle(self, entry: Entry, due: datetime) -> None:
        while True:
            try:
                owned = await self.store.settle(*entry.identity(due), self.holder)
            except Exception as error:  # noqa: BLE001  # whatever a store raises
                logger.warning("that %s, due at %s, has run is not told yet: %s", entry.name, due.isoformat(), error)
                await asyncio.sleep(1.0)
                continue
            if not owned:
                text = "%s, due at %s, runs elsewhere too: this process was not heard of for its lease"
                logger.warning(text, entry.name, due.isoformat())
            return

    async def _granted(self, entry: Entry, due: datetime, *, recovered: bool) -> None:
        if entry.removed:
            return
        if entry.policy.jitter:
            await self.clock.sleep(random.uniform(0, entry.policy.jitter))  # noqa: S311  # no secret
        if entry.policy.overlap == "allow":
            await self._run_once(entry, due, recovered=recovered)
        elif await self._alone(entry, wait=recovered):
            await self._run_held(entry, due, recovered=recovered)
        else:
            entry.outcome = "skipped"
            logger.info("%s, due at %s, is skipped: the run before it goes on", entry.name, due.isoformat())

    async def _claimed(self, entry: Entry, due: datetime) -> bool:
        key, when = entry.identity(due)
        if isinstance(entry.trigger, DelayTrigger) and entry.key is None:
            return True
        keep = _FOR_GOOD if entry.key else _KEEP
        until = self.clock.monotonic() + entry.policy.grace
        opened: dict[str, Any] = {}
        if entry.policy.recover:
            opened = {"holder": self.holder, "lease": self.lease}
        # In order, for the latest claim says where the next process goes on: what is before it must be claimed too.
        async with entry.claiming:
            while True:
                try:
                    return await self.store.claim(key, when, keep=keep, **opened)
                except Exception as error:  # noqa: BLE001  # whatever a store raises
                    if self.clock.monotonic() >= until:
                        logger.warning("%s, due at %s, does not run: nobody grants it: %s", entry.name, due, error)
                        return False
                await self.clock.sleep(1.0)

    async def _alone(self, entry: Entry, *, wait: bool) -> bool:
        if entry.policy.overlap == "cancel_previous" and not wait:
            return await self._supersede(entry)
        if await self._take(entry):
            return True
        if wait:
            await self._wait_for(entry)
            return True
        if entry.policy.overlap == "skip" or entry.queued:
            return False
        entry.queued = True
        try:
            await self._wait_for(entry)
        finally:
            entry.queued = False
        return True

    async def _supersede(self, entry: Entry) -> bool:
        # What runs gives way, and so does what waits: the newest of all is the one to run.
        newest = entry.newest = object()
        while not await self._take(entry):
            for task in entry.running:
                task.cancel()
            await self._until_given_back(entry)
            if entry.newest is not newest:
                return False
        return True

    async def _wait_for(self, entry: Entry) -> None:
        while not await self._take(entry):
            await self._until_given_back(entry)

    async def _until_given_back(self, entry: Entry) -> None:
        if entry.idle.is_set():  # another process has it
            await self.clock.sleep(self.lease / 10)
        else:
            await entry.idle.wait()

    async def _take(self, entry: Entry) -> bool:
        # One after the other: the store tells processes apart, not the runs of one, nor a run from the end of another.
        async with entry.holding:
            if not entry.idle.is_set() or not await self._hold(entry):
                return False
            entry.idle.clear()
            return True

    async def _give_back(self, entry: Entry) -> None:
        async with entry.holding:
            with contextlib.suppress(Exception):
                await self.store.free(entry.name, self.holder)
            entry.idle.set()

    async def _hold(self, entry: Entry) -> bool:
        try:
            return await self.store.hold(entry.name, self.holder, lease=self.lease)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            logger.warning("whether %s runs elsewhere is not known: %s", entry.name, error)
            return True

    async def _run_held(self, entry: Entry, due: datetime, *, recovered: bool) -> None:
        holding = asyncio.create_task(self._keep_holding(entry))
        try:
            await self._run_once(entry, due, recovered=recovered)
        finally:
            holding.cancel()
            await self._give_back(entry)

    async def _keep_holding(self, entry: Entry) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            await self._hold(entry)

    async def _run_once(self, entry: Entry, due: datetime, *, recovered: bool) -> None:
        tick = Tick(entry.name, due, self.clock.now(), recovered=recovered)
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


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

"""One queue in one worker: takes jobs as slots become free, runs each in a task of its own, and ends its attempt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping

import msgspec

from nestpy_core import Batch, CompiledFunction, Record, ViolationsError, acting_as, fault
from nestpy_core.contracts import Actor

from ._context import DoneBeforeError, RunningJob
from ._envelope import CarriedActor, Envelope, Seal
from ._heart import Truce
from ._processor import ProcessorMarker
from ._store import Ending, JobStore, Outcome, Reservation, Sweep
from .errors import PayloadError, RetryError, StoreUnavailableError, UnrecoverableError

__all__ = ("Consumer", "Lane")

logger = logging.getLogger("nestpy.queue")

_WAIT = 1.0
_SHORTEST_PAUSE = 0.005
_LONGEST_PAUSE = 2.0
_LONGEST_REASON = 2000
_PUT_BACK = 5.0


class Consumer(Record, frozen=True, kw_only=True, eq=False):
    """What a processor declared, and its compiled handlers by the names of their jobs."""

    processor: ProcessorMarker
    functions: Mapping[str, CompiledFunction]

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return self.processor.queue


class Ways(Record, frozen=True, kw_only=True, eq=False):
    """What every lane of a worker goes by."""

    store: JobStore
    worker: str
    seal: Seal
    restore: Callable[[CarriedActor], Actor]
    lease: float
    keep: float
    deploy_window: float


class Lane:
    """Runs the jobs of one queue.

    Attributes:
        running: the task of each job that runs, by id.
    """

    def __init__(self, consumer: Consumer, ways: Ways) -> None:
        self.consumer = consumer
        self.running: dict[str, asyncio.Task[None]] = {}
        self._ways = ways
        self._store = ways.store
        self._free = asyncio.Event()
        self._sooner = asyncio.Event()
        self._next_sweep = 0.0
        self._truce = Truce(ways.lease)
        self._asked_to_cancel: set[str] = set()
        self._unknown_since: dict[str, float] = {}
        self._end = Batch(ways.store.end)
        self._down = False
        self._solo_waits = False

    async def read(self) -> None:
        """Take jobs for ever; what is down is waited for."""
        pause = 0.05
        while True:
            try:
                await self._take()
                pause = 0.05
                self._up_again()
            except StoreUnavailableError as error:
                self._say_down(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _take(self) -> None:
        if self._solo_waits:
            await self._take_solo()
            return
        free = self.consumer.processor.concurrency - len(self.running)
        if free <= 0:
            self._free.clear()
            await self._free.wait()
            return
        found = await self._reserve(free)
        for reservation in found:
            self._start(reservation)
        if not found:
            await self._store.wait(self.consumer.queue, _WAIT)

    async def _take_solo(self) -> None:
        # Its next death would be its last: it runs while nothing else does, so that it takes nothing along.
        if self.running:
            self._free.clear()
            await self._free.wait()
            return
        self._solo_waits = False
        for reservation in await self._reserve(1, solo=True):
            self._start(reservation)
            await asyncio.wait([self.running[reservation.id]])

    async def _reserve(self, limit: int, *, solo: bool = False) -> list[Reservation]:
        if self._down:
            await self.recover()
        return await self._store.reserve(
            self.consumer.queue, self._ways.worker, limit, self.consumer.processor.rate, solo=solo
        )

    def _start(self, reservation: Reservation) -> None:
        task = asyncio.create_task(self._attempt(reservation), name=f"{reservation.queue} {reservation.id}")
        self.running[reservation.id] = task
        task.add_done_callback(lambda _: self._ended(reservation.id))

    def _ended(self, name: str) -> None:
        del self.running[name]
        self._asked_to_cancel.discard(name)
        self._free.set()

    async def recover(self) -> None:
        """Release what the store says this worker runs and it does not know of: the answer got lost on its way."""
        count = await self._store.recover(self.consumer.queue, self._ways.worker, list(self.running))
        if count:
            logger.warning("%s jobs of the queue %s were reserved and never came; released", count, self.consumer.queue)

    async def sweep(self) -> None:
        """Let due jobs wait, take back those of dead workers, and cancel what somebody asked to, for ever."""
        while True:
            await self._until_next_sweep()
            pause = min(self._ways.lease / 3, 0.5)
            try:
                found = await self._store.sweep(
                    self.consumer.queue, self.consumer.processor.max_deaths, reclaim=self._truce.over
                )
            except StoreUnavailableError:
                self._truce.begin()
            else:
                self._swept(found)
                if found.next_due is not None:
                    pause = min(pause, max(found.next_due, _SHORTEST_PAUSE))
            self._next_sweep = time.monotonic() + pause

    def _swept(self, found: Sweep) -> None:
        if found.reclaimed:
            text = "%s jobs of the queue %s ran in workers that died; %s of them went to the dead letters"
            logger.warning(text, found.reclaimed, self.consumer.queue, found.buried)
        self._solo_waits = found.solo
        for name in found.cancelled & self.running.keys():
            self._asked_to_cancel.add(name)
            self.running[name].cancel()

    async def _until_next_sweep(self) -> None:
        self._sooner.clear()
        pause = self._next_sweep - time.monotonic()
        if pause > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._sooner.wait()
                await self._until_next_sweep()

    def _sweep_after(self, delay: float) -> None:
        due = time.monotonic() + max(delay, _SHORTEST_PAUSE)
        if due < self._next_sweep:
            self._next_sweep = due
            self._sooner.set()

    def _say_down(self, error: StoreUnavailableError) -> None:
        if not self._down:
            logger.warning("the queue %s waits for its store: %s", self.consumer.queue, error)
        self._down = True

    def _up_again(self) -> None:
        if self._down:
            logger.warning("the queue %s has its store again", self.consumer.queue)
        self._down = False

    # -- one attempt

    async def _attempt(self, reservation: Reservation) -> None:
        try:
            envelope = self._ways.seal.open(reservation.data)
        except PayloadError as error:
            await self._close(reservation, "dead", reason=str(error))
            return
        function = self.consumer.functions.get(envelope.type)
        if function is None:
            await self._put_back(reservation, envelope.type)
            return
        job = RunningJob(reservation, envelope, self._store, self._ways.worker)
        try:
            await self._run(function, job, envelope)
        except asyncio.CancelledError:
            asked = reservation.id in self._asked_to_cancel
            await self._close(reservation, "cancelled" if asked else "release")
            return
        await self._conclude(job)

    async def _run(self, compiled: CompiledFunction, job: RunningJob, envelope: Envelope) -> None:
        actor = None if envelope.actor is None else self._ways.restore(envelope.actor)
        limit = asyncio.timeout(self.consumer.processor.timeout)
        try:
            with acting_as(actor):
                async with limit:
                    await compiled.function(job)
        except TimeoutError as error:
            if not limit.expired():
                raise
            job.error = TimeoutError(f"the attempt took more than {self.consumer.processor.timeout:g} seconds")
            job.error.__cause__ = error

    async def _put_back(self, reservation: Reservation, name: str) -> None:
        met = self._unknown_since.setdefault(reservation.id, time.monotonic())
        if time.monotonic() - met < self._ways.deploy_window:
            text = "no worker here knows `%s`, a job of the queue %s; put back for one that does"
            logger.warning(text, name, self.consumer.queue)
            await self._close(reservation, "release", delay=min(_PUT_BACK, self._ways.deploy_window / 3))
            return
        del self._unknown_since[reservation.id]
        await self._close(reservation, "dead", reason=f"no worker knows the job `{name}`")

    async def _conclude(self, job: RunningJob) -> None:
        error = job.error
        if error is None or isinstance(error, DoneBeforeError):
            await self._close(job.reservation, "done", result=_encoded(job))
            return
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        failures = job.reservation.failures + 1
        final = isinstance(error, (UnrecoverableError, PayloadError, ViolationsError))
        where = (job.envelope.type, job.id, job.queue, job.attempt)
        if final or failures > self.consumer.processor.retries:
            logger.error("%s %s of the queue %s failed for good in attempt %s", *where, exc_info=error)
            await self._close(job.reservation, "dead", reason=reason)
            return
        delay = self._delay(error, failures)
        text = "%s %s of the queue %s failed in attempt %s; again in %.1f s"
        logger.warning(text, *where, delay, exc_info=error)
        await self._close(job.reservation, "retry", delay=delay, reason=reason)

    def _delay(self, error: Exception, failures: int) -> float:
        if isinstance(error, RetryError) and error.delay is not None:
            return error.delay
        limit = self.consumer.processor.backoff.limit(failures)
        return random.uniform(0, limit) if self.consumer.processor.backoff.jitter else limit  # noqa: S311  # no secret

    async def _close(
        self, reservation: Reservation, outcome: Outcome, *, delay: float = 0.0, result: bytes = b"", reason: str = ""
    ) -> None:
        ways = self._ways
        ending = Ending(reservation, ways.worker, outcome, delay, result, reason, ways.keep)
        pause = 0.05
        while True:
            fault.point("nestpy.queue.before_end")
            try:
                owned = await self._end(ending)
            except StoreUnavailableError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if not owned:
                text = "the job %s of the queue %s belongs to another worker by now; this attempt counts for nothing"
                logger.warning(text, reservation.id, reservation.queue)
            elif outcome in ("retry", "release"):
                self._sweep_after(delay)
            return


def _encoded(job: RunningJob) -> bytes:
    if job.result is None:
        return b""
    try:
        return msgspec.json.encode(job.result)
    except (TypeError, ValueError, RecursionError) as error:
        text = "%s %s of the queue %s is done, and its result cannot be written as JSON: %s"
        logger.warning(text, job.envelope.type, job.id, job.queue, error)
        return b""

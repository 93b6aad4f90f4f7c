"""`Queue[T]`: what producers inject to enqueue one type of job, and what an enqueued job can be asked."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

import msgspec

from ._producers import Producers
from ._store import State, Stored, Submission
from ._types import JobType
from .errors import PayloadError, QueueError

__all__ = ("EnqueuedJob", "JobStatus", "Priority", "Queue")

T = TypeVar("T")

Priority = Literal["high", "normal", "low"]
_LEVELS = {"high": 0, "normal": 1, "low": 2}
_DAY = 86_400.0


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job.

    Attributes:
        state: ``delayed``, ``waiting``, ``running``, ``done``, ``dead`` or ``cancelled``.
        failures: attempts that failed and were to be followed by another: the last one of a dead job is not counted.
        deaths: workers that died while they ran it.
        progress: what the handler last told.
        result: what it returned, as JSON has it.
        reason: why the last attempt failed, or why it is dead.
        due: when it may run, for a delayed one.
        ended: when it was done, dead or cancelled.
    """

    id: str
    queue: str
    state: State
    failures: int
    deaths: int
    enqueued: datetime
    due: datetime | None
    ended: datetime | None
    reason: str
    progress: Any
    result: Any


class EnqueuedJob:
    """A job that is in its queue, or one that holds its key there already.

    Attributes:
        id: its id, by which `Queue.find` knows it.
        queue: its queue's name.
        duplicate: whether the key was taken, so that this is the earlier job.
    """

    __slots__ = ("_queue", "duplicate", "id")

    def __init__(self, queue: Queue[Any], name: str, *, duplicate: bool) -> None:
        self.id = name
        self.duplicate = duplicate
        self._queue = queue

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self._queue.name

    def __repr__(self) -> str:
        """Show queue and id."""
        return f"<EnqueuedJob {self.id} in {self.queue}>"

    async def status(self) -> JobStatus | None:
        """Return what is known of it; None once it has been forgotten."""
        return await self._queue.find(self.id)

    async def cancel(self) -> bool:
        """Cancel it; see `Queue.cancel`."""
        return await self._queue.cancel(self.id)

    async def result(self, timeout: float = 30.0) -> Any:  # polled, not cancelled
        """Wait until it has ended, and return what its handler returned.

        Args:
            timeout: seconds to wait.

        Raises:
            TimeoutError: it has not ended by then; it goes on.
            QueueError: it is dead or cancelled, or nobody knows it any more.
        """
        until = time.monotonic() + timeout
        pause = 0.01
        while True:
            found = await self.status()
            if found is None:
                raise QueueError(f"Nothing is known of the job `{self.id}` of the queue `{self.queue}` any more")
            if found.state == "done":
                return found.result
            if found.state in ("dead", "cancelled"):
                raise QueueError(f"The job `{self.id}` of the queue `{self.queue}` is {found.state}: {found.reason}")
            if time.monotonic() >= until:
                raise TimeoutError(f"the job `{self.id}` of the queue `{self.queue}` is {found.state} still")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)


class Queue(Generic[T]):
    """Enqueues jobs of one type; inject ``Queue[Transcode]``.

    Attributes:
        name: the queue that the type belongs to.
    """

    def __init__(self, kind: JobType, producers: Producers) -> None:
        self.name = kind.queue
        self._kind = kind
        self._producers = producers
        self._seal = producers.seal
        self._submit = producers.sender(kind.queue)

    async def enqueue(
        self,
        job: T,
        *,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
        key: str | None = None,
        key_ttl: float = _DAY,
        priority: Priority = "normal",
    ) -> EnqueuedJob:
        """Put a job into its queue; when this returns, the store has it.

        In a transaction (a unit of work of nestpy-orm that may write) the job is part of it instead: it is sent after
        the commit, and lost with a rollback. Whether its key is taken is then not known yet.

        Args:
            job: what to do.
            delay: seconds, or a span, before it may run.
            at: when it may run; with a time zone.
            key: what it is known by until it ends: meanwhile a second job with this key is not taken.
            key_ttl: seconds after which the key is free in any case.
            priority: jobs of a higher one are started first.

        Raises:
            PayloadError: the job cannot be written, or is too large.
            StoreUnavailableError: the store did not answer in time; the job may have got through.
        """
        wait = _wait(delay, at)
        submission = self._submission(job, wait, priority, key, key_ttl)
        if await self._producers.enlisted(self.name, submission):
            return EnqueuedJob(self, submission.id, duplicate=False)
        holder = await self._submit(submission)
        return EnqueuedJob(self, holder, duplicate=holder != submission.id)

    async def enqueue_many(
        self, jobs: Iterable[T], *, delay: float | timedelta | None = None, priority: Priority = "normal"
    ) -> list[EnqueuedJob]:
        """Put several jobs into the queue, all of them or none."""
        wait = _wait(delay, None)
        submissions = [self._submission(job, wait, priority, None, _DAY) for job in jobs]
        direct = [one for one in submissions if not await self._producers.enlisted(self.name, one)]
        if direct:
            await self._producers.store.submit(self.name, direct)
        return [EnqueuedJob(self, one.id, duplicate=False) for one in submissions]

    def _submission(self, job: T, delay: float, priority: Priority, key: str | None, key_ttl: float) -> Submission:
        if priority not in _LEVELS:
            raise PayloadError(f"`priority={priority}` must be `high`, `normal` or `low`")
        data = self._producers.write(self._kind, job, self._seal)
        return Submission(uuid.uuid4().hex, data, delay, _LEVELS[priority], key or "", key_ttl)

    async def find(self, id: str) -> JobStatus | None:  # noqa: A002  # what it is called
        """Return what is known of a job; None for one that never was or has been forgotten."""
        found = await self._producers.store.find(self.name, id)
        return None if found is None else status_of(found)

    async def cancel(self, id: str) -> bool:  # noqa: A002  # what it is called
        """Cancel a job that waits, and ask for it where it runs, which is cancelled within a second.

        Returns:
            Whether it will not run to its end: False for one that is done, dead or unknown.
        """
        return await self._producers.store.cancel(self.name, id) in ("cancelled", "running")


def status_of(found: Stored) -> JobStatus:
    """Return what the store knows as producers and administrators see it."""
    return JobStatus(
        id=found.id,
        queue=found.queue,
        state=found.state,
        failures=found.failures,
        deaths=found.deaths,
        enqueued=_time(found.enqueued),
        due=_time(found.due) if found.state == "delayed" else None,
        ended=_time(found.ended) if found.ended else None,
        reason=found.reason,
        progress=_data(found.progress),
        result=_data(found.result),
    )


def _wait(delay: float | timedelta | None, at: datetime | None) -> float:
    if not (delay is None or isinstance(delay, timedelta | float | int)):
        raise PayloadError(f"`delay` must be seconds or a timedelta, and is `{type(delay).__name__}`")
    if at is None:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay or 0.0)
    elif delay is not None:
        raise PayloadError("`delay` and `at` exclude each other")
    elif at.tzinfo is None:
        raise PayloadError("`at` must have a time zone.\nHint: write `datetime.now(timezone.utc) + …`")
    else:
        seconds = at.timestamp() - time.time()
    if not seconds < 100 * 365 * _DAY:
        raise PayloadError("`delay` must be a number of seconds below a hundred years")
    return max(0.0, seconds)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _data(value: bytes) -> Any:  # whatever JSON can hold
    return msgspec.json.decode(value) if value else None

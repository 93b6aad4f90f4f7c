"""What keeps jobs: the contract that Redis and SQLite fulfil, and the records that go in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal, Protocol

import msgspec

__all__ = ("Ending", "JobStore", "Outcome", "QueueCounts", "Reservation", "Stored", "Submission", "Sweep")

Outcome = Literal["done", "retry", "dead", "release", "cancelled"]
"""How an attempt ends. A release counts neither as an attempt nor as a death."""

State = Literal["delayed", "waiting", "running", "done", "dead", "cancelled"]
PRIORITIES = 3
"""How many levels there are; 0 is served first."""


class Submission(msgspec.Struct, frozen=True):
    """One job on its way in.

    Attributes:
        id: unique; a second submission of an id that is still known changes nothing.
        data: the envelope.
        delay: seconds until it may run.
        priority: 0, 1 or 2; the lower runs first.
        key: what it is known by while it has not ended: a second job with it is not taken.
        key_ttl: seconds after which the key is free in any case.
    """

    id: str
    data: bytes
    delay: float = 0.0
    priority: int = 1
    key: str = ""
    key_ttl: float = 86_400.0


class Reservation(msgspec.Struct, frozen=True):
    """A job that this worker owns until it ends the attempt or seems dead.

    Attributes:
        delivery: grows with every start of the job: the fencing token.
        failures: attempts that failed before this one.
        deaths: workers that died while they ran it.
        enqueued: when it was submitted, in seconds since the epoch.
    """

    queue: str
    id: str
    data: bytes
    delivery: int
    failures: int
    deaths: int
    enqueued: float


class Ending(msgspec.Struct, frozen=True):
    """How one attempt ended.

    Attributes:
        delay: seconds until the next attempt, for ``retry`` and ``release``.
        result: what the handler returned, encoded, for ``done``.
        reason: why it failed, for ``retry`` and ``dead``.
        keep: seconds that the status of a job that is done stays known.
    """

    reservation: Reservation
    worker: str
    outcome: Outcome
    delay: float = 0.0
    result: bytes = b""
    reason: str = ""
    keep: float = 0.0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one job.

    Attributes:
        data: the envelope; empty once it is done.
        due: when it may run, in seconds since the epoch, for a delayed one.
        progress: what the handler last told.
    """

    id: str
    queue: str
    state: State
    data: bytes = b""
    priority: int = 1
    failures: int = 0
    deaths: int = 0
    delivery: int = 0
    enqueued: float = 0.0
    due: float = 0.0
    ended: float = 0.0
    owner: str = ""
    reason: str = ""
    result: bytes = b""
    progress: bytes = b""


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs of a queue are in each state, and how long the first has waited.

    Attributes:
        lag: seconds that the oldest waiting job has waited.
        done: jobs that ended well, ever.
        workers: worker processes that are alive.
    """

    waiting: int = 0
    delayed: int = 0
    running: int = 0
    dead: int = 0
    done: int = 0
    workers: int = 0
    lag: float = 0.0
    paused: bool = False


class Sweep(msgspec.Struct, frozen=True):
    """What a sweep found.

    Attributes:
        next_due: seconds until the next delayed job; None without one.
        reclaimed: jobs taken back from dead workers.
        buried: those of them that went to the dead letters, because they had killed too many.
        cancelled: jobs to be cancelled where they run.
        solo: whether a job waits, or runs, that only a worker without other jobs may start.
    """

    next_due: float | None = None
    reclaimed: int = 0
    buried: int = 0
    cancelled: frozenset[str] = frozenset()
    solo: bool = False


class JobStore(Protocol):
    """Keeps the jobs of every queue. Times are seconds; every method may raise `StoreUnavailableError`.

    A job is always in exactly one state. Whoever starts it owns it until `end` says otherwise or its heartbeat
    stops for longer than the lease; an ending by anybody else is refused.
    """

    durability: str
    """One sentence on what a crash can cost."""

    submit_within: float | None
    """Seconds that `submit` takes at the most, before it fails; None where it waits for nobody else."""

    async def open(self) -> None:
        """Connect and look at what is promised."""
        ...

    async def close(self) -> None:
        """Give back every connection."""
        ...

    def submit(self, queue: str, jobs: Sequence[Submission]) -> Awaitable[list[str]]:
        """Take jobs in, all or none; return for each its id, or that of the job that holds its key."""
        ...

    def reserve(
        self, queue: str, worker: str, limit: int, rate: tuple[int, float] | None, *, solo: bool = False
    ) -> Awaitable[list[Reservation]]:
        """Start up to *limit* waiting jobs, those of a lower priority number first; none while paused.

        Args:
            queue: its name.
            worker: who starts them.
            limit: how many at most.
            rate: starts per seconds of the whole queue, as a number and a period.
            solo: start those, and only those, whose next death would be their last: others must not die with them.
        """
        ...

    def wait(self, queue: str, seconds: float) -> Awaitable[None]:
        """Return when something may be waiting, at the latest after *seconds*."""
        ...

    def end(self, endings: Sequence[Ending]) -> Awaitable[list[bool]]:
        """End attempts; False for each whose worker no longer owns the job. Ending twice is ending once."""
        ...

    def recover(self, queue: str, worker: str, running: Collection[str]) -> Awaitable[int]:
        """Release what this worker owns and does not know of: its reservation was lost on the way."""
        ...

    def sweep(self, queue: str, max_deaths: int, *, reclaim: bool = True) -> Awaitable[Sweep]:
        """Let delayed jobs that are due wait, and with *reclaim* take back the jobs of dead workers."""
        ...

    def beater(self, queues: Sequence[str], worker: str, lease: float) -> Callable[[], None]:
        """Return what tells that the worker lives; it is called in a thread of its own and may block."""
        ...

    def forget(self, queue: str, worker: str) -> Awaitable[None]:
        """Release what the worker still owns, and strike it off."""
        ...

    def progress(self, reservation: Reservation, worker: str, value: bytes) -> Awaitable[bool]:
        """Remember how far a job is; False when the worker no longer owns it."""
        ...

    def find(self, queue: str, id: str) -> Awaitable[Stored | None]:  # noqa: A002  # what it is called
        """Return what is known of a job; None for one that never was or has been forgotten."""
        ...

    def cancel(self, queue: str, id: str) -> Awaitable[State | None]:  # noqa: A002  # what it is called
        """Cancel a job that waits; ask for it where it runs. Return the state that it is in then."""
        ...

    def counts(self, queue: str) -> Awaitable[QueueCounts]:
        """Count the jobs of a queue."""
        ...

    def dead(self, queue: str, limit: int) -> Awaitable[list[Stored]]:
        """Return dead letters, the oldest first."""
        ...

    def replay(self, queue: str, ids: Sequence[str]) -> Awaitable[int]:
        """Let dead jobs wait again with all their attempts; return how many there were. No ids mean all."""
        ...

    def purge(self, queue: str, ids: Sequence[str]) -> Awaitable[int]:
        """Forget dead jobs; return how many there were. No ids mean all."""
        ...

    def pause(self, queue: str, *, paused: bool) -> Awaitable[None]:
        """Start nothing more of a queue, or go on."""
        ...

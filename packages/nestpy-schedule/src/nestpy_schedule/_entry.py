"""One schedule of a running app: when it is due next, what runs of it, and how the last run ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from nestpy_core.contracts import OccurrenceStore

from ._scheduled import Policy, RunAll
from ._tick import Tick
from ._trigger import Trigger

__all__ = ("ScheduleStatus",)

_MOST = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a schedule.

    Attributes:
        name: what it is called.
        trigger: when it is due, in words.
        next: when it is due next, in UTC; None when never again.
        running: how many of its runs are under way in this process.
        last: when the occurrence that ran last here was due.
        outcome: how that run ended; ``skipped`` when the one before still ran.
    """

    name: str
    trigger: str
    next: datetime | None
    running: int
    last: datetime | None
    outcome: Literal["ok", "error", "cancelled", "skipped"] | None


class Entry:
    """One schedule.

    Attributes:
        due: when it is due next; None when never again.
        running: the tasks of its runs.
        claiming: held while an occurrence is claimed.
        holding: held while the schedule is taken for a run, or given back after it.
        idle: set unless this process has taken it.
        queued: whether one waits for the run before it.
        newest: what came last of those that cancel the ones before.
    """

    def __init__(
        self,
        name: str,
        trigger: Trigger,
        policy: Policy,
        call: Callable[[Tick], Awaitable[None]],
        key: str | None = None,
    ) -> None:
        self.name = name
        self.trigger = trigger
        self.policy = policy
        self.call = call
        self.key = key
        self.due: datetime | None = None
        self._following: tuple[datetime, datetime | None] | None = None
        self.running: set[asyncio.Task[None]] = set()
        self.claiming = asyncio.Lock()
        self.holding = asyncio.Lock()
        self.idle = asyncio.Event()
        self.idle.set()
        self.queued = False
        self.newest: object = None
        self.removed = False
        self.last: datetime | None = None
        self.outcome: Literal["ok", "error", "cancelled", "skipped"] | None = None

    def identity(self, due: datetime) -> tuple[str, datetime]:
        """Return what names an occurrence in the whole fleet."""
        return (self.name, due) if self.key is None else (f"once {self.key}", _EPOCH)

    def take_due(self, now: datetime, *, aligned: bool) -> list[datetime]:
        """Return the occurrences that are to run now, and move on to the next due time."""
        most = self.policy.misfire.most if isinstance(self.policy.misfire, RunAll) else 1
        dues: deque[datetime] = deque(maxlen=most)
        due = self.due
        for _ in range(_MOST):
            if due is None or due > now:
                break
            dues.append(due)
            due = self._after(due, aligned=aligned)
        else:
            due = self.trigger.first(now, aligned=aligned)
        self.due = due
        if self.policy.misfire == "skip":
            return [one for one in dues if (now - one).total_seconds() <= self.policy.grace]
        return list(dues)

    def prepare(self, *, aligned: bool) -> None:
        """Find out what follows the next due time, so that its moment is left to starting what is due."""
        if self.due is not None and not self.prepared:
            self._following = self.due, self.trigger.after(self.due, aligned=aligned)

    @property
    def prepared(self) -> bool:
        """Whether it is known what follows the next due time."""
        return self._following is not None and self._following[0] == self.due

    def _after(self, due: datetime, *, aligned: bool) -> datetime | None:
        if self._following is not None and self._following[0] == due:
            return self._following[1]
        return self.trigger.after(due, aligned=aligned)

    async def confirmed(self, store: OccurrenceStore) -> bool:
        """Return whether an occurrence, seen in the light of what other processes did, is still to run."""
        del store
        return True

    def taken(self, due: datetime) -> None:
        """Learn that another process has an occurrence."""

    def over(self, due: datetime) -> None:
        """Learn that an occurrence has ended, whether it ran or not."""

    def status(self) -> ScheduleStatus:
        """Return what is known of it."""
        return ScheduleStatus(
            name=self.name,
            trigger=str(self.trigger),
            next=self.due,
            running=len(self.running),
            last=self.last,
            outcome=self.outcome,
        )

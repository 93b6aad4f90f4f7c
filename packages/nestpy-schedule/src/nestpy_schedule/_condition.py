"""Schedules of Rocketry conditions: asked again and again, and due when they hold."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nestpy_core.contracts import OccurrenceStore

from ._entry import Entry
from ._scheduled import Policy
from ._tick import Tick
from ._trigger import ConditionTrigger

if TYPE_CHECKING:
    from ._rocketry import Conditions

logger = logging.getLogger("nestpy.schedule")


class ConditionEntry(Entry):
    """A schedule that is due whenever its condition holds at a poll; one occurrence at a time."""

    def __init__(
        self,
        name: str,
        trigger: ConditionTrigger,
        policy: Policy,
        call: Callable[[Tick], Awaitable[None]],
        conditions: Conditions,
    ) -> None:
        super().__init__(name, trigger, policy, call)
        self._poll = timedelta(seconds=trigger.seconds)
        self._polls = trigger
        self._conditions = conditions
        self._busy = False
        self._failed = False
        self._known: datetime | None = None

    def take_due(self, now: datetime, *, aligned: bool) -> list[datetime]:
        """Ask the condition, unless an occurrence is under way; a poll that was missed is not made up for."""
        following = self._polls.first(now, aligned=aligned)
        self.due = following
        if self._busy or not self._holds():
            return []
        self._busy = True
        return [following - self._poll]

    async def confirmed(self, store: OccurrenceStore) -> bool:
        """Ask again where another process, or an earlier one, ran it after what is known here."""
        try:
            latest = await store.latest(self.name)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            logger.warning("whether %s ran elsewhere is not known: %s", self.name, error)
            return True
        if latest is None or (self._known is not None and latest <= self._known):
            return True
        self.taken(latest)
        return self._holds()

    def taken(self, due: datetime) -> None:
        """Count an occurrence that another process ran as a success."""
        for action in ("run", "success"):
            self._conditions.note(self.name, action, due.timestamp())
        self._known = due

    def over(self, due: datetime) -> None:
        """Let the next occurrence come."""
        self._busy = False
        self._known = due if self._known is None else max(due, self._known)

    def _holds(self) -> bool:
        try:
            found = self._conditions.holds(self.name)
        except Exception:
            if not self._failed:
                logger.exception("the condition of %s cannot be checked; it counts as not holding", self.name)
            self._failed = True
            return False
        self._failed = False
        return found

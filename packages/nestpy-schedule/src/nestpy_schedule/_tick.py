"""One run of a schedule, as handlers and layers see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from nestpy_core import Call, ExecutionContext

__all__ = ("Tick", "TickContext")


class Tick:
    """The run. A handler takes it as a parameter of this type; request-scoped providers may inject it.

    Attributes:
        name: the schedule's.
        due: when it was due, in UTC; with the name it identifies the occurrence in the whole fleet.
        started: when it began, in UTC.
        recovered: whether a process that has died, or seemed to, had begun with this occurrence.
        error: what the handler raised.
    """

    __slots__ = ("due", "error", "name", "recovered", "started")

    def __init__(self, name: str, due: datetime, started: datetime, *, recovered: bool = False) -> None:
        self.name = name
        self.due = due
        self.started = started
        self.recovered = recovered
        self.error: Exception | None = None

    @property
    def late(self) -> float:
        """Seconds between the due time and the start."""
        return (self.started - self.due).total_seconds()


class TickContext(ExecutionContext, eq=False):
    """The context of a tick's layers.

    Attributes:
        tick: the run.
    """

    edge: ClassVar[str] = "schedule"

    tick: Any = None  # a Tick


class TickCall(Call):
    """What instruments learn of a tick."""

    __slots__ = ()

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return ``ok``, ``error`` or ``cancelled``."""
        return super().outcome(outcome, error or self.subject.error)

    def fields(self, outcome: str) -> dict[str, Any]:
        """Say when it was due."""
        tick: Tick = self.subject
        return {**super().fields(outcome), "schedule": tick.name, "due": tick.due.isoformat()}

    def attributes(self) -> Mapping[str, str | int | bool]:
        """Return when it was due."""
        return {"nestpy.schedule.due": self.subject.due.isoformat()}

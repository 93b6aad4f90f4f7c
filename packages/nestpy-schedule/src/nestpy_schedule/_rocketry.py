"""Asks Rocketry whether its conditions hold; the one module that imports Rocketry, which has no part in running."""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from nestpy_core import Record

from ._pydantic_v1 import pydantic_v1_for
from ._tick import Tick
from .errors import ExpressionError

_KEPT = 1000
"""Records of one schedule; a run makes two. Rocketry itself keeps all, for ever."""

Action = Literal["run", "success", "fail", "terminate"]


class LogRecord(Record, frozen=True):
    """What Rocketry's conditions read of a run."""

    action: Action
    created: float


class Found(list[LogRecord]):
    """Records, as Rocketry asks for them."""

    def all(self) -> list[LogRecord]:
        """Return all."""
        return self

    def last(self) -> LogRecord | None:
        """Return the newest."""
        return self[-1] if self else None

    def count(self, *_: Any) -> int:  # as its base and as Rocketry calls it
        """Return how many there are."""
        return len(self)


class Log:
    """The latest records of one schedule; stands where Rocketry has a logger that writes to a repository."""

    def __init__(self) -> None:
        self._records: deque[LogRecord] = deque(maxlen=_KEPT)

    def add(self, record: LogRecord) -> None:
        """Add one; the oldest goes."""
        self._records.append(record)

    def filter_by(self, **wanted: Any) -> Found:  # values and redbird's operations
        """Return the records that fit."""
        return Found(one for one in self._records if all(_fits(getattr(one, key), wanted[key]) for key in wanted))

    def get_records(self, **wanted: Any) -> Found:  # as `filter_by`
        """Return the records that fit."""
        return self.filter_by(**wanted)

    def get_latest(self, action: Any = None) -> LogRecord | None:  # as `filter_by`
        """Return the newest of an action, or of all."""
        return (self.filter_by() if action is None else self.filter_by(action=action)).last()


class Ever:
    """The period of conditions that name none; Rocketry's own has no time zone and compares with none that has."""

    left = datetime(1970, 1, 1, tzinfo=UTC)
    right = datetime(9999, 1, 1, tzinfo=UTC)

    def rollback(self, _: datetime) -> Self:
        """Return the interval around now."""
        return self


EVER = Ever()


def _fits(value: object, wanted: Any) -> bool:
    return bool(wanted.evaluate(value)) if hasattr(wanted, "evaluate") else value == wanted


class Library:
    """What is used of Rocketry."""

    def __init__(self) -> None:
        with pydantic_v1_for("rocketry", "redbird"):
            self.rocketry: Any = importlib.import_module("rocketry")
            self.task: Any = importlib.import_module("rocketry.core.task")
            self.parse: Any = importlib.import_module("rocketry.parse")
            self.scheduler: Any = importlib.import_module("rocketry.conditions.scheduler")
            self.conditions: Any = importlib.import_module("rocketry.conditions.task.task")

        class Schedule(self.task.Task):  # type: ignore[misc, name-defined]  # Rocketry asks for an instance of its class
            @property
            def logger(self) -> Log:
                found: Log = self.session.logs[self.name]
                return found

            def execute(self) -> None:
                """Do nothing: Rocketry runs no task here."""

        self.schedule: Any = Schedule
        self.periodic = (self.conditions.TaskStatusMixin, self.conditions.TaskRunning)


class Conditions:
    """The conditions of one app, and what they know: which schedule of this process began and ended when.

    Args:
        names: of all schedules; conditions may name any of them.
        now: seconds since the epoch.
    """

    def __init__(self, names: Iterable[str], now: Callable[[], float]) -> None:
        self._library = Library()
        self._now = now
        self._logs = {name: Log() for name in names}
        self._zones: dict[str, Any] = {}
        self._conditions: dict[str, tuple[str, Any]] = {}

    def add(self, name: str, expression: str, zone: str) -> None:
        """Parse the condition of a schedule, and ask each part of it once.

        Raises:
            ExpressionError: Rocketry does not understand it, or a part of it fails.
        """
        session = self._session(zone)
        try:
            found = self._library.parse.parse_condition(expression, session=session)
            for part in _parts(found):
                if isinstance(part, self._library.scheduler.SchedulerCycles):
                    raise ExpressionError("nestpy-schedule counts no cycles")  # told as the others
                if getattr(part, "period", ...) is None and isinstance(part, self._library.periodic):
                    part.period = EVER
                part.observe(task=session[name], session=session)
        except Exception as error:
            said = str(error).strip("'\"") or type(error).__name__
            raise ExpressionError(f"`{expression}` is no condition that Rocketry can check: {said}") from error
        self._conditions[name] = (zone, found)

    def _session(self, zone: str) -> Any:
        found = self._zones.get(zone)
        if found is None:
            config = {"timezone": ZoneInfo(zone), "time_func": self._now, "execution": "main"}
            found = self._zones[zone] = self._library.rocketry.Session(config=config)
            # Tasks would set up loggers of the whole process.
            found._check_readable_logger = lambda: None  # noqa: SLF001
            found.logs = self._logs
            found.scheduler.startup_time = found._get_datetime_now()  # noqa: SLF001  # Rocketry's scheduler sets it
            for name in self._logs:
                self._library.schedule(session=found, name=name, execution="main")
        return found

    def holds(self, name: str) -> bool:
        """Ask Rocketry."""
        zone, condition = self._conditions[name]
        session = self._zones[zone]
        return bool(condition.observe(task=session[name], session=session))

    def note(self, name: str, action: Action, at: float | None = None) -> None:
        """Remember that a schedule began or ended.

        Args:
            name: of the schedule.
            action: what it did.
            at: when; now by default.
        """
        when = self._now() if at is None else at
        self._logs[name].add(LogRecord(action, when))
        for session in self._zones.values():
            task = session[name]
            task.status = action
            setattr(task, f"_last_{action}", when)
            runs = task._run_stack  # noqa: SLF001  # what `task … is running` reads
            if action == "run":
                runs.append(self._library.task.TaskRun(start=when, task=None))
            elif runs:
                runs.pop(0)

    def watched(self, name: str, call: Callable[[Tick], Awaitable[None]]) -> Callable[[Tick], Awaitable[None]]:
        """Return a call that notes its begin and its end."""

        async def run(tick: Tick) -> None:
            self.note(name, "run")
            try:
                await call(tick)
            except asyncio.CancelledError:
                self.note(name, "terminate")
                raise
            except BaseException:
                self.note(name, "fail")
                raise
            self.note(name, "success" if tick.error is None else "fail")

        return run


def _parts(condition: Any) -> list[Any]:
    inner = getattr(condition, "subconditions", None)
    return [condition] if inner is None else [part for one in inner for part in _parts(one)]

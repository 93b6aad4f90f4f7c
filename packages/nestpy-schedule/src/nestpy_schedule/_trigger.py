"""When a schedule is due: by a cron expression, by an interval, or once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ._expression import Cron
from .errors import ExpressionError

__all__ = ("Trigger",)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST = 0.01


class Trigger(Protocol):
    """When a schedule is due."""

    def first(self, started: datetime, *, aligned: bool) -> datetime | None:
        """Return the first due time of a process that starts now.

        Args:
            started: now.
            aligned: whether all processes of a fleet must find the same times.
        """
        ...

    def after(self, due: datetime, *, aligned: bool) -> datetime | None:
        """Return the due time that follows another; None after the last."""
        ...


class CronTrigger:
    """Due when a cron expression says so."""

    def __init__(self, cron: Cron) -> None:
        self.cron = cron

    def first(self, started: datetime, *, aligned: bool) -> datetime | None:
        """Return the first due time after the start."""
        del aligned
        return self.cron.after(started)

    def after(self, due: datetime, *, aligned: bool) -> datetime | None:
        """Return the next due time."""
        del aligned
        return self.cron.after(due)

    def __str__(self) -> str:
        return f"cron {self.cron}"


class IntervalTrigger:
    """Due again and again, at equal distances: from the start, or in a fleet from 1970 on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def first(self, started: datetime, *, aligned: bool) -> datetime:
        """Return the first due time: one interval after the start, or the fleet's next."""
        if not aligned:
            return started + timedelta(seconds=self.seconds)
        return self._multiple(int((started - _EPOCH).total_seconds() / self.seconds) + 1)

    def after(self, due: datetime, *, aligned: bool) -> datetime:
        """Return the next due time."""
        if not aligned:
            return due + timedelta(seconds=self.seconds)
        return self._multiple(round((due - _EPOCH).total_seconds() / self.seconds) + 1)

    def _multiple(self, number: int) -> datetime:
        # Each from 1970, not from the one before: rounding must not drift apart between processes.
        return _EPOCH + timedelta(seconds=number * self.seconds)

    def __str__(self) -> str:
        return f"every {self.seconds:g} s"


class ConditionTrigger(IntervalTrigger):
    """Asks a Rocketry condition at equal distances."""

    def __init__(self, expression: str, seconds: float, zone: str) -> None:
        super().__init__(seconds)
        self.expression = expression
        self.zone = zone

    def __str__(self) -> str:
        return f"rocketry {self.expression}"


class DelayTrigger:
    """Due once, some time after the start."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def first(self, started: datetime, *, aligned: bool) -> datetime | None:
        """Return the one due time."""
        del aligned
        return started + timedelta(seconds=self.seconds)

    def after(self, due: datetime, *, aligned: bool) -> datetime | None:
        """Return None."""
        del due, aligned
        return None

    def __str__(self) -> str:
        return f"after {self.seconds:g} s"


def seconds_of(span: str | float | timedelta, word: str) -> float:
    """Return a span as seconds: a number of them, a timedelta, or a text such as ``30s``, ``1h30m``, ``250ms``.

    Raises:
        ExpressionError: it is none, or shorter than 10 ms.
    """
    if isinstance(span, timedelta):
        found = span.total_seconds()
    elif isinstance(span, str):
        found = _parsed(span, word)
    else:
        found = float(span)
    if not _SHORTEST <= found < 100 * 366 * 86_400:
        raise ExpressionError(f"`{span}` in `{word}` must be at least 10 ms and less than a hundred years")
    return found


def _parsed(text: str, word: str) -> float:
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ExpressionError(f"`{text}` in `{word}` is no span.\nHint: write `30s`, `1h30m` or `250ms`")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)

"""Cron expressions of five, six or seven fields and their aliases: when they are due.

The five are minute, hour, day of month, month and day of week; a sixth, first, is the second; a seventh, last, the
year. Days of month and of week are joined as Vixie cron joins them. At changes of the clock a fixed time that does not
exist runs once, right after the gap, and one that comes twice runs at the first; wildcards keep running.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ._wall_clock import first_shown, next_change, shown_at
from .errors import ExpressionError

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (5, 6, 7)
_YEARS = range(1970, 2200)
_NOTHING, _SECOND, _DAY = timedelta(), timedelta(seconds=1), timedelta(days=1)


class Cron:
    """One expression in one time zone.

    Args:
        text: the expression, an alias such as ``@daily``, or a `CronExpression`.
        zone: an IANA name; the times of the expression are local to it.

    Raises:
        ExpressionError: it is none, names no zone, or is never due.
    """

    def __init__(self, text: str, zone: str = "UTC") -> None:
        self.text = str(text)
        self.zone = zone_of(zone)
        self._fields, self._years = _parsed(self.text)
        self._is_fixed = _names_times(self._fields)
        if self.after(datetime.now(UTC)) is None:
            raise ExpressionError(f"`{self.text}` is never due again")

    def after(self, moment: datetime) -> datetime | None:
        """Return the first due time after an aware moment, in UTC; None when there is none any more."""
        return (self._fixed if self._is_fixed else self._wild)(moment.astimezone(UTC))

    def _fixed(self, moment: datetime) -> datetime | None:
        # Due once: when the clock first shows it, or right after it has left it out.
        dues = (first_shown(local, self.zone) for local in self._times(shown_at(moment, self.zone)))
        return next((due for due in dues if due > moment), None)

    def _wild(self, moment: datetime) -> datetime | None:
        # Due whenever the clock shows it; until the clock is set, that is as far from UTC as now.
        start = shown_at(moment, self.zone)
        while True:
            offset = moment.astimezone(self.zone).utcoffset() or _NOTHING
            local = next(self._times(start), None)
            due = None if local is None else (local - offset).replace(tzinfo=UTC)
            change = next_change(self.zone, moment, due or moment + _DAY)
            if change is None:
                return due
            moment, start = change, shown_at(change, self.zone) - _SECOND

    def _times(self, start: datetime) -> Iterator[datetime]:
        # What a clock that is never set would show after *start*.
        for local in CronSim(self._fields, start):
            if self._years is None or local.year in self._years:
                yield local
                continue
            later = [year for year in self._years if year > local.year]
            if later:
                yield from self._times(datetime(later[0] - 1, 12, 31, 23, 59, 59))  # noqa: DTZ001  # of no zone
            return

    def __str__(self) -> str:
        return f"{self.text} ({self.zone.key})"


def _names_times(fields: str) -> bool:
    # As Debian's cron tells what runs at a time of day from what runs whenever the clock shows it.
    minute, hour = fields.split()[-5:-3]
    found = CronSim(fields, datetime.now(UTC))
    return not (minute.startswith("*") or hour.startswith("*") or len(found.minutes) == 60 or len(found.hours) == 24)


def _parsed(text: str) -> tuple[str, list[int] | None]:
    fields = _ALIASES.get(text.strip().lower(), text).split()
    if text.strip().startswith("@") and text.strip().lower() not in _ALIASES:
        raise ExpressionError(f"`{text}` is no alias.\nHint: there are {', '.join(sorted(_ALIASES))}")
    if len(fields) not in _FIELDS:
        raise ExpressionError(
            f"`{text}` has {len(fields)} {'field' if len(fields) == 1 else 'fields'}.\n"
            "Hint: 5 (minute hour day month weekday), 6 (second first) or 7 (year last)"
        )
    years = None if len(fields) < 7 else _parsed_years(text, fields.pop())
    expression = " ".join(fields)
    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise ExpressionError(f"`{text}` is no cron expression: {str(error).lower()}") from error
    return expression, years


def _parsed_years(text: str, field: str) -> list[int] | None:
    if field in ("*", "?"):
        return None
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            begin = _YEARS[0] if span == "*" else int(first)
            end = int(last) if last else _YEARS[-1] if step or span == "*" else begin
            chosen = range(begin, end + 1, int(step) if step else 1)
        except ValueError as error:
            raise ExpressionError(f"`{text}` is no cron expression: bad year") from error
        if not chosen or chosen[0] not in _YEARS or chosen[-1] not in _YEARS:
            raise ExpressionError(f"`{text}` is no cron expression: bad year")
        found.update(chosen)
    return sorted(found)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        ExpressionError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"`{name}` is no time zone.\nHint: an IANA name such as `Europe/Berlin`") from error

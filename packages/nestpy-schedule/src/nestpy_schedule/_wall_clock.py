"""What a clock on the wall shows in a time zone: when it is set, and at which instant it shows a time."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_STEP = timedelta(hours=6)
_STEPS = 4 * 366


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clock shows at a moment, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def first_shown(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows a time, or that at which it leaves it out."""
    while True:
        found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if shown_at(found, zone) == local:
            return found
        local += _MINUTE


def next_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """Return the first instant after *after*, up to *until*, at which the clock is set; None where there is none."""
    for year in range(after.year, until.year + 1):
        for change in _changes(zone, year):
            if after < change <= until:
                return change
    return None


@functools.lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    # Two in six hours have never been.
    begin = datetime(year, 1, 1, tzinfo=UTC)
    times = [begin + number * _STEP for number in range(_STEPS + 1)]
    offsets = [one.astimezone(zone).utcoffset() for one in times]
    return tuple(
        _change(zone, times[number], times[number + 1])
        for number in range(_STEPS)
        if offsets[number] != offsets[number + 1]
    )


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after

"""The due times of every zone against a walk over every minute that knows nothing of the code: S3."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from harness.goals import Goal
from harness.session import say

from nestpy_schedule import ExpressionError
from nestpy_schedule._expression import Cron

_YEARS = 10
_FIRST = datetime(2018, 1, 1, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_CHANGES = 6
"""How many changes of a zone's clock each expression is walked over; each with a day before and after."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A five-field expression as sets of what matches; its text is what the code under test reads."""

    minute: str
    hour: str
    weekday: str

    @property
    def text(self) -> str:
        return f"{self.minute} {self.hour} * * {self.weekday}"

    @property
    def fixed(self) -> bool:
        """Whether it names times of day, which run once however often the clock shows them."""
        return not (self.minute.startswith("*") or self.hour.startswith("*"))

    def matches(self, local: datetime) -> bool:
        """Return whether a wall clock shows it."""
        return (
            _holds(self.minute, local.minute)
            and _holds(self.hour, local.hour)
            and _holds(self.weekday, local.isoweekday() % 7)
        )


def _holds(field: str, value: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return value in map(int, field.split(","))


def pattern(chance: random.Random) -> Pattern:
    """Return a random expression, fixed or with wildcards; its hours are often those in which clocks change."""

    def some(most: int, count: int) -> str:
        return ",".join(map(str, sorted({chance.randrange(most) for _ in range(count)})))

    minute = chance.choice([some(60, 1), some(60, 3), "*/15", "*/7"])
    hour = chance.choice([some(24, 2), some(4, 2), some(4, 1), "*", "*/2"])
    return Pattern(minute, hour, chance.choice(["*", "*", "*", some(7, 3)]))


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the days in the span on which a zone's clock is set."""
    days = [_FIRST + number * _DAY for number in range(_YEARS * 365)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [day for day, (one, other) in zip(days, itertools.pairwise(offsets), strict=False) if one != other]


def walked(chosen: Pattern, zone: ZoneInfo, begin: datetime, end: datetime) -> list[datetime]:
    """Return the due times in a span by looking at every minute of it."""
    if not chosen.fixed:
        minutes = _minutes(begin, end)
        return [one for one in minutes if begin < one <= end and chosen.matches(one.astimezone(zone))]
    # Every minute that a wall clock which is never set would show.
    naive = _minutes((begin - _DAY).replace(tzinfo=None), (end + _DAY).replace(tzinfo=None))
    found = {_instant(one, zone) for one in naive if chosen.matches(one)}
    return sorted(one for one in found if begin < one <= end)


def _minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
    return (begin + number * _MINUTE for number in range(int((end - begin) / _MINUTE) + 1))


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    while True:
        found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if found.astimezone(zone).replace(tzinfo=None) == local:
            return found
        local += _MINUTE  # the clock leaves it out: right after the gap


def dues(cron: Cron, begin: datetime, end: datetime) -> list[datetime]:
    """Return what the code under test says."""
    found: list[datetime] = []
    due = cron.after(begin)
    while due is not None and due <= end:
        found.append(due)
        due = cron.after(due)
    return found


async def zones(count: int, most: int) -> list[Goal]:
    """S3: ten years of *most* zones, *count* random expressions of each, and one daily job."""
    chance = random.Random(2026)
    names = sorted(available_timezones() - {"localtime"})
    chosen = sorted(chance.sample(names, min(most, len(names))))
    seen: Counter[str] = Counter()
    for number, name in enumerate(chosen):
        zone = ZoneInfo(name)
        set_on = changes(zone)
        for _ in range(count):
            one = pattern(chance)
            for day in chance.sample(set_on, min(_CHANGES, len(set_on))) or [_FIRST]:
                begin, end = day - _DAY, day + 2 * _DAY
                said = _said(one, name, begin, end)
                seen["walks"] += 1
                seen["twice"] += any(later <= earlier for earlier, later in itertools.pairwise(said))
                if said != walked(one, zone, begin, end):
                    seen["different"] += 1
                    say(f"S3  `{one.text}` in {name} around {day:%Y-%m-%d} differs")
        days, astray_here = _daily(zone, chance)
        seen["days"] += days
        seen["astray"] += astray_here
        if number % 50 == 49:
            say(f"S3  {number + 1} of {len(chosen)} zones, {seen['walks']:,} walks")
    return judge_zones(len(chosen), seen)


def _said(one: Pattern, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    try:
        return dues(Cron(one.text, zone), begin, end)
    except ExpressionError as error:
        say(f"S3  `{one.text}`: {error}")
        return []


def _daily(zone: ZoneInfo, chance: random.Random) -> tuple[int, int]:
    time = f"{chance.randrange(60)} {chance.choice([*range(24), 0, 1, 2, 3])}"
    end = _FIRST + timedelta(days=365 * _YEARS)
    ran = [due.astimezone(zone).date() for due in dues(Cron(f"{time} * * *", zone.key), _FIRST, end)]
    return len(ran), astray(ran, _left_out(zone))


def _left_out(zone: ZoneInfo) -> Collection[date]:
    # Days that no clock of the zone ever showed at noon: it moved across the date line.
    shown = {(day + timedelta(hours=hour)).astimezone(zone).date() for day in changes(zone) for hour in range(-48, 72)}
    return {one for day in shown for one in [day + _DAY] if one not in shown and one + _DAY in shown}


def astray(ran: list[date], left_out: Collection[date]) -> int:
    """Count the local days between the first and the last on which a daily job ran not once."""
    if not ran:
        return 1
    times = Counter(ran)
    wanted = {ran[0] + number * _DAY for number in range((ran[-1] - ran[0]).days + 1)} - set(left_out)
    return sum(times[day] != 1 for day in wanted)


def judge_zones(count: int, seen: Mapping[str, int]) -> list[Goal]:
    """Hold what was counted against S3."""
    what, walks = f"S3 {count} zones, {_YEARS} years", seen["walks"]
    twice, different, off = seen["twice"], seen["different"], seen["astray"]
    return [
        Goal(f"{what}: never twice for one instant in {walks:,} walks", str(twice), twice == 0),
        Goal(f"{what}: due times equal a walk over every minute", f"{different} of {walks:,} differ", different == 0),
        Goal(f"{what}: a daily job runs once on each of {seen['days']:,} local days", f"{off} astray", off == 0),
    ]

"""The due times of every zone against a walk over every minute that knows nothing of the code: S3."""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
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
    """An expression as sets of what matches; its text, of six fields with a second, is what the code reads."""

    minute: str
    hour: str
    weekday: str
    second: str = ""

    @property
    def text(self) -> str:
        return f"{self.second} {self.minute} {self.hour} * * {self.weekday}".strip()

    @property
    def fixed(self) -> bool:
        """Whether it names times of day, which run once however often the clock shows them."""
        return not (self.minute.startswith("*") or self.hour.startswith("*"))

    def matches(self, local: datetime) -> bool:
        """Return whether a wall clock shows it."""
        return (
            local.minute in _values(self.minute)
            and local.hour in _values(self.hour)
            and local.isoweekday() % 7 in _values(self.weekday)
        )


@functools.cache
def _values(field: str) -> frozenset[int]:
    if field == "*":
        return frozenset(range(60))
    if field.startswith("*/"):
        return frozenset(range(0, 60, int(field[2:])))
    return frozenset(map(int, field.split(",")))


def pattern(chance: random.Random) -> Pattern:
    """Return a random expression, fixed or with wildcards; its hours are often those in which clocks change."""

    def some(most: int, count: int) -> str:
        return ",".join(map(str, sorted({chance.randrange(most) for _ in range(count)})))

    minute = chance.choice([some(60, 1), some(60, 3), "*/15", "*/7"])
    hour = chance.choice([some(24, 2), some(4, 2), some(4, 1), "*", "*/2"])
    return Pattern(minute, hour, chance.choice(["*", "*", "*", some(7, 3)]), chance.choice(["", "", "0"]))


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the days in the span on which a zone's clock is set."""
    days = [_FIRST + number * _DAY for number in range(_YEARS * 365)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [day for day, (one, other) in zip(days, itertools.pairwise(offsets), strict=False) if one != other]


def clocks(names: Iterable[str]) -> list[list[str]]:
    """Return zones in groups whose clocks showed the same time at every minute of the span."""
    groups: dict[object, list[str]] = {}
    for name in names:
        zone = ZoneInfo(name)
        set_at = [_set_at(zone, day) for day in changes(zone)]
        offsets = [one.astimezone(zone).utcoffset() for one in [_FIRST, *set_at]]
        groups.setdefault((*set_at, *offsets), []).append(name)
    return list(groups.values())


def _set_at(zone: ZoneInfo, day: datetime) -> datetime:
    before = day.astimezone(zone).utcoffset()
    return next(one for one in _minutes(day, day + _DAY) if one.astimezone(zone).utcoffset() != before)


def walked(chosen: Pattern, zone: ZoneInfo, begin: datetime, end: datetime) -> list[datetime]:
    """Return the due times in a span by looking at every minute of it."""
    if not chosen.fixed:
        return [one for one, local in _shown(zone, begin, end) if begin < one <= end and chosen.matches(local)]
    # Every minute that a wall clock which is never set would show.
    naive = _minutes((begin - _DAY).replace(tzinfo=None), (end + _DAY).replace(tzinfo=None))
    found = {_instant(one, zone) for one in naive if chosen.matches(one)}
    return sorted(one for one in found if begin < one <= end)


@functools.lru_cache(maxsize=32)
def _minutes(begin: datetime, end: datetime) -> Sequence[datetime]:
    return [begin + number * _MINUTE for number in range(int((end - begin) / _MINUTE) + 1)]


@functools.lru_cache(maxsize=32)
def _shown(zone: ZoneInfo, begin: datetime, end: datetime) -> Sequence[tuple[datetime, datetime]]:
    return [(one, one.astimezone(zone)) for one in _minutes(begin, end)]


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
    """S3: ten years of *most* zones, *count* random expressions of each clock among them, and a daily job in each."""
    names = sorted(available_timezones() - {"localtime"})
    chosen = sorted(random.Random(2026).sample(names, min(most, len(names))))
    seen: Counter[str] = Counter()
    groups = clocks(chosen)
    with ProcessPoolExecutor() as pool:
        for number, found in enumerate(pool.map(functools.partial(_of_one_clock, count), groups), 1):
            seen += found
            if number % 10 == 0:
                say(f"S3  {number} of {len(groups)} clocks, {seen['walks']:,} walks")
    return judge_zones(len(chosen), len(groups), seen)


def _of_one_clock(count: int, names: Sequence[str]) -> Counter[str]:
    # The zones of one clock take turns: as many expressions as are asked for, and one of each zone at least.
    chance = random.Random(f"2026 {names[0]}")
    clock = ZoneInfo(names[0])
    set_on = changes(clock)
    seen: Counter[str] = Counter()
    for number in range(max(count, len(names))):
        name, one = names[number % len(names)], pattern(chance)
        for day in chance.sample(set_on, min(_CHANGES, len(set_on))) or [_FIRST]:
            begin, end = day - _DAY, day + 2 * _DAY
            said = _said(one, name, begin, end)
            seen["walks"] += 1
            seen["twice"] += any(later <= earlier for earlier, later in itertools.pairwise(said))
            if said != walked(one, clock, begin, end):
                seen["different"] += 1
                say(f"S3  `{one.text}` in {name} around {day:%Y-%m-%d} differs")
    left_out = _left_out(clock)
    for name in names:
        ran = _daily(ZoneInfo(name), chance)
        seen["days"] += len(ran)
        seen["astray"] += astray(ran, left_out)
    return seen


def _said(one: Pattern, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    try:
        return dues(Cron(one.text, zone), begin, end)
    except ExpressionError as error:
        say(f"S3  `{one.text}`: {error}")
        return []


def _daily(zone: ZoneInfo, chance: random.Random) -> list[date]:
    time = f"{chance.randrange(60)} {chance.choice([*range(24), 0, 1, 2, 3])}"
    end = _FIRST + timedelta(days=365 * _YEARS)
    return [due.astimezone(zone).date() for due in dues(Cron(f"{time} * * *", zone.key), _FIRST, end)]


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


def judge_zones(count: int, clocks: int, seen: Mapping[str, int]) -> list[Goal]:
    """Hold what was counted against S3."""
    what, walks = f"S3 {count} zones of {clocks} clocks, {_YEARS} years", seen["walks"]
    twice, different, off = seen["twice"], seen["different"], seen["astray"]
    return [
        Goal(f"{what}: never twice for one instant in {walks:,} walks", str(twice), twice == 0),
        Goal(f"{what}: due times equal a walk over every minute", f"{different} of {walks:,} differ", different == 0),
        Goal(f"{what}: a daily job runs once on each of {seen['days']:,} local days", f"{off} astray", off == 0),
    ]

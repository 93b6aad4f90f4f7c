import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings, strategies as st

from nestpy_schedule import CronExpression, ExpressionError
from nestpy_schedule._expression import Cron

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def times(text: str, zone: str = "UTC", start: datetime = NOW, count: int = 3) -> list[str]:
    found, moment = [], start
    for _ in range(count):
        due = Cron(text, zone).after(moment)
        assert due is not None
        found.append(due.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"))
        moment = due
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", ["2026-01-01 12:15:00", "2026-01-01 12:30:00", "2026-01-01 12:45:00"]),
        ("*/20 * * * * *", ["2026-01-01 12:00:40", "2026-01-01 12:01:00", "2026-01-01 12:01:20"]),
        ("0 0 0 1 1 * 2028,2030", ["2028-01-01 00:00:00", "2030-01-01 00:00:00"]),
        ("0 0 0 29 2 * 2027-2040/1", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("0 0 L * *", ["2026-01-31 00:00:00", "2026-02-28 00:00:00", "2026-03-31 00:00:00"]),
        ("0 9 * * MON-FRI", ["2026-01-02 09:00:00", "2026-01-05 09:00:00", "2026-01-06 09:00:00"]),
        ("@daily", ["2026-01-02 00:00:00", "2026-01-03 00:00:00", "2026-01-04 00:00:00"]),
        ("@Hourly", ["2026-01-01 13:00:00", "2026-01-01 14:00:00", "2026-01-01 15:00:00"]),
    ],
)
def test_fields_aliases_and_years(text: str, expected: list[str]) -> None:
    assert times(text, count=len(expected)) == expected


@pytest.mark.parametrize("preset", list(CronExpression), ids=lambda one: one.name)
def test_every_preset_is_due(preset: CronExpression) -> None:
    assert Cron(preset).after(NOW) is not None


NAMED_TIMES = [
    (preset, int(found[1]) % 12 + 12 * (found[3] == "PM"), int(found[2] or 0))
    for preset in CronExpression
    if (found := re.fullmatch(r"(?:EVERY_DAY|MONDAY_TO_FRIDAY)_AT_(\d+)(?:_(30))?([AP]M)", preset.name))
]


@pytest.mark.parametrize(("preset", "hour", "minute"), NAMED_TIMES, ids=lambda one: getattr(one, "name", ""))
def test_a_preset_that_names_a_time_is_due_at_it(preset: CronExpression, hour: int, minute: int) -> None:
    friday = datetime(2026, 1, 2, 23, 30, tzinfo=UTC)
    due = Cron(preset).after(friday)
    assert due is not None
    assert (due.hour, due.minute) == (hour, minute)
    assert due.strftime("%A") == ("Saturday" if preset.name.startswith("EVERY") else "Monday")


def test_every_time_of_nestjs_is_there() -> None:
    assert len(NAMED_TIMES) == 22 + 25


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("* * *", "UTC", "`* * *` has 3 fields."),
        ("61 * * * *", "UTC", "`61 * * * *` is no cron expression: bad minute"),
        ("* * * * * * 1066", "UTC", "`* * * * * * 1066` is no cron expression: bad year"),
        ("* * * * * * x", "UTC", "`* * * * * * x` is no cron expression: bad year"),
        ("0 0 31 2 *", "UTC", "`0 0 31 2 *` is no cron expression: bad day-of-month"),
        ("0 0 0 1 1 * 2000", "UTC", "`0 0 0 1 1 * 2000` is never due again"),
        ("@reboot", "UTC", "`@reboot` is no alias."),
        ("* * * * *", "Mars/Olympus", "`Mars/Olympus` is no time zone."),
        ("* * * * *", "../etc/passwd", "`../etc/passwd` is no time zone."),
        ("", "UTC", "`` has 0 fields."),
        ("bad", "UTC", "`bad` has 1 field."),
    ],
)
def test_what_is_no_expression_says_why(text: str, zone: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Cron(text, zone)
    assert str(caught.value).startswith(message)


def test_a_time_in_the_gap_of_spring_runs_once_right_after_it() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Berlin", start) == [
        "2026-03-29 03:00:00",
        "2026-03-30 02:30:00",
        "2026-03-31 02:30:00",
    ]


def test_a_time_that_comes_twice_in_autumn_runs_at_the_first() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    due = Cron("30 2 * * *", "Europe/Berlin").after(start)
    assert due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    after = Cron("30 2 * * *", "Europe/Berlin").after(due)
    assert after == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_wildcards_keep_running_through_both_hours_of_autumn() -> None:
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    cron, found = Cron("*/30 * * * *", "Europe/Berlin"), []
    for _ in range(4):
        due = cron.after(start)
        assert due is not None
        found.append(due)
        start = due
    assert [due - found[0] for due in found] == [timedelta(minutes=30 * number) for number in range(4)]


@pytest.mark.parametrize("text", ["0 30 2 * * *", "0 30 2 * * * *"])
def test_a_fixed_time_with_its_second_is_a_fixed_time(text: str) -> None:
    assert times(text, "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)) == [
        "2026-03-29 03:00:00",
        "2026-03-30 02:30:00",
        "2026-03-31 02:30:00",
    ]
    cron = Cron(text, "Europe/Berlin")
    due = cron.after(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert cron.after(due) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0 * * * *", CronExpression.EVERY_HOUR, "0 0-23 * * *"])
def test_every_hour_is_every_hour_where_one_comes_twice(text: str) -> None:
    cron, moment = Cron(text, "Europe/Berlin"), datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    for hour in range(5):
        due = cron.after(moment)
        assert due == datetime(2026, 10, 25, hour, tzinfo=UTC)
        moment = due


@pytest.mark.parametrize(
    ("text", "zone", "day", "found"),
    [
        ("*/15 1 * * 5", "Africa/Cairo", (2023, 4, 28), ["01:00", "01:15", "01:30", "01:45"]),
        ("*/30 */2 * * 5", "Africa/Cairo", (2023, 4, 28), ["02:00", "02:30", "04:00", "04:30", "06:00", "06:30"]),
        ("*/15 0 * * 1", "Africa/Cairo", (2023, 4, 28), []),
        ("*/15 3 * * *", "Australia/Lord_Howe", (2026, 10, 4), ["03:00", "03:15", "03:30", "03:45"]),
        ("*/15 2 * * *", "Australia/Lord_Howe", (2026, 10, 4), ["02:30", "02:45"]),
        ("*/30 1 * * *", "Australia/Lord_Howe", (2026, 4, 5), ["01:00", "01:30", "01:30"]),
    ],
)
def test_wildcards_run_whenever_the_clock_shows_them_also_where_it_changes_at_midnight_or_by_half_an_hour(
    text: str, zone: str, day: tuple[int, int, int], found: list[str]
) -> None:
    cron, local = Cron(text, zone), ZoneInfo(zone)
    due = cron.after(datetime(*day, tzinfo=local) - timedelta(hours=12))
    seen = []
    while due is not None and due.astimezone(local) < datetime(*day, 7, tzinfo=local):
        seen.append(due.astimezone(local).strftime("%H:%M"))
        due = cron.after(due)
    assert [one for one in seen if one < "12"] == found


@settings(max_examples=150)
@given(
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    begin=st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  # given a zone below
)
def test_a_daily_job_runs_exactly_once_on_each_local_day_in_every_zone(
    zone: str, hour: int, minute: int, begin: datetime
) -> None:
    local = ZoneInfo(zone)
    cron = Cron(f"{minute} {hour} * * *", zone)
    moment = begin.replace(tzinfo=UTC)
    days = []
    for _ in range(40):
        due = cron.after(moment)
        assert due is not None
        assert due > moment
        days.append(due.astimezone(local).date())
        moment = due
    gaps = [later - earlier for earlier, later in itertools.pairwise(days)]
    # Samoa and others have left out a day when they moved across the date line.
    assume(all(gap <= timedelta(days=1) for gap in gaps))
    assert all(gap == timedelta(days=1) for gap in gaps)


@settings(max_examples=150)
@given(
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    begin=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # given a zone below
)
def test_due_times_agree_with_a_walk_over_every_minute_where_no_clock_changes(
    zone: str, minutes: set[int], hours: set[int], begin: datetime
) -> None:
    local = ZoneInfo(zone)
    moment = begin.replace(tzinfo=UTC, second=0, microsecond=0)
    assume(len({(moment + timedelta(hours=step)).astimezone(local).utcoffset() for step in range(50)}) == 1)
    cron = Cron(f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * *", zone)
    walked = [
        step
        for step in (moment + timedelta(minutes=number) for number in range(1, 48 * 60))
        if step.astimezone(local).minute in minutes and step.astimezone(local).hour in hours
    ]
    found = []
    while (due := cron.after(moment)) is not None and due <= walked[-1]:
        found.append(due)
        moment = due
    assert found == walked

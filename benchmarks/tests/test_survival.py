"""The goals of fleets see what they look for, and the walk over every minute is no echo of the code."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from survival.calendars import Pattern, astray, clocks, dues, judge_zones, walked
from survival.defects import judge_defects, rows
from survival.outages import judge_outage
from survival.schedulers import Run, Start, judge_misfires, judge_once, judge_overlaps, judge_recovered, judge_stills
from survival.workers import Stop, judge_busy, judge_quiet, judge_stops

from nestpy_schedule._expression import Cron


def test_a_late_recovery_is_seen():
    assert [goal.met for goal in judge_quiet([1.1] * 50)] == [True]
    assert [goal.met for goal in judge_quiet([1.1] * 49 + [2.1])] == [False]
    assert [goal.met for goal in judge_quiet([])] == [False]


@pytest.mark.parametrize(
    ("kind", "starts", "done", "met"),
    [
        ("wait", 5, 5, True),
        ("wait", 6, 5, False),
        ("hold", 10, 5, True),
        ("hold", 10, 6, False),
        ("block", 5, 4, False),
    ],
)
def test_jobs_that_start_or_count_twice_are_seen(kind, starts, done, met):
    assert judge_busy("Q3", kind, 5, starts, done).met is met


@pytest.mark.parametrize(
    ("change", "missed"),
    [({}, None), ({"last": 0.2}, 0), ({"stranded": 1}, 1), ({"again": 1}, 1), ({"pause": 2.0}, 2), ({"exit": 32.0}, 3)],
)
def test_each_fault_of_a_stop_is_seen(change, missed):
    good = {"last": -0.1, "pause": 0.1, "exit": 0.3, "code": 0}
    goals = judge_stops([Stop(**good), Stop(**{**good, **change})], 10)
    assert [number for number, goal in enumerate(goals) if not goal.met] == ([] if missed is None else [missed])


def test_losses_and_slow_refusals_are_seen():
    assert [goal.met for goal in judge_outage("Q5", 0, [1.0])] == [True, True]
    assert [goal.met for goal in judge_outage("Q5", 1, [1.9])] == [False, False]
    assert [goal.met for goal in judge_outage("Q5", 0, [])] == [True, False]


def test_each_defect_of_the_stock_stack_has_its_tests_and_its_line():
    assert [name.split()[1] for name in sorted(rows(), key=lambda name: int(name.split()[1][1:]))] == [
        f"T{number}" for number in range(1, 14)
    ]
    assert [goal.met for goal in judge_defects({"Q7 T1": 0, "Q7 T2": 1}, 5)] == [True, False]


def test_occurrences_that_run_twice_or_never_are_seen():
    wanted = {("job-0", 1), ("job-0", 2)}
    assert [goal.met for goal in judge_stills({("job-0", 1): 1, ("job-0", 2): 1}, wanted, 1)] == [True, True]
    assert [goal.met for goal in judge_stills({("job-0", 1): 2}, wanted, 1)] == [False, False]


def met(goals):
    return [goal.met for goal in goals]


def test_what_kills_of_schedulers_may_and_may_not_cost_is_told_apart():
    one, two = ("job-0", 1), ("job-0", 2)
    start = Start(1, again=False)
    assert met(judge_once("S1", {one, two}, {one: [start], two: [start]}, {one, two}, 0)) == [True, True, True]
    assert met(judge_once("S1", {one, two}, {one: [start]}, {one, two}, 1)) == [True, True, True]
    assert met(judge_once("S1", {one, two}, {one: [start]}, {one, two}, 0)) == [True, True, False]
    assert met(judge_once("S1", {one, two}, {one: [start, start]}, {one}, 1)) == [False, False, True]


def test_what_is_recovered_from_the_dead_and_from_the_living_is_told_apart():
    one, two = ("safe-0", 1), ("safe-0", 2)
    first, again = Start(1, again=False), Start(2, again=True)
    assert met(judge_recovered("S1", {one, two}, {one: [first, again], two: [again]}, {1}, 2)) == [True, True, True]
    assert met(judge_recovered("S1", {one, two}, {one: [first, again]}, {3}, 0)) == [False, False, False]
    assert met(judge_recovered("S1", {one}, {one: [first, Start(2, again=False)]}, {1}, 0)) == [True, False, True]


def test_a_wrong_number_of_runs_is_seen():
    assert judge_misfires("run_all", [10, 10], 10).met
    assert not judge_misfires("run_all", [10, 11], 10).met


def test_runs_beside_each_other_and_a_lock_that_outlives_its_owner_are_seen():
    apart = [Run(0, 2.5), Run(3, 4, killed=True), Run(8, 10.5)]
    beside = [Run(float(number), number + 2.5) for number in range(5)]
    good = {"skip-0": apart, "queue-0": apart, "cancel_previous-0": apart, "allow-0": beside}
    assert all(goal.met for goal in judge_overlaps(good, 1))
    late = [Run(0, 1, killed=True), Run(9, 10)]
    bad = judge_overlaps({"skip-0": beside, "queue-0": late, "cancel_previous-0": apart, "allow-0": apart}, 1)
    assert [goal.met for goal in bad] == [False, True, True, False, False]


def test_zones_are_of_one_clock_only_where_every_minute_is_alike():
    names = [
        "Europe/Berlin",
        "Europe/Paris",
        "Europe/London",
        "UTC",
        "Africa/Abidjan",
        "Africa/Casablanca",
        "Asia/Kabul",
    ]
    assert clocks(names) == [names[:2], names[2:3], names[3:5], names[5:6], names[6:]]


@pytest.mark.parametrize("month_day", [(3, 29), (10, 25)])
@pytest.mark.parametrize(
    "pattern",
    [Pattern("30", "2", "*"), Pattern("30", "2", "*", "0"), Pattern("*/15", "*", "*"), Pattern("5,50", "2,3", "0")],
)
def test_the_walk_agrees_with_the_code_where_clocks_change_and_not_with_a_clock_that_never_does(pattern, month_day):
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2026, *month_day, tzinfo=UTC) - timedelta(days=1)
    end = begin + timedelta(days=3)
    assert dues(Cron(pattern.text, zone.key), begin, end) == walked(pattern, zone, begin, end) != []
    if pattern.fixed:
        assert dues(Cron(pattern.text), begin, end) != walked(pattern, zone, begin, end)


def test_days_without_a_run_or_with_two_are_seen():
    days = [date(2026, 1, day) for day in (1, 2, 4, 4, 5)]
    assert astray(days, []) == 2
    assert astray(days, [date(2026, 1, 3)]) == 1
    assert astray([], []) == 1
    bad = judge_zones(1, 1, {"walks": 9, "twice": 1, "different": 1, "days": 9, "astray": 1})
    assert [goal.met for goal in bad] == [False, False, False]

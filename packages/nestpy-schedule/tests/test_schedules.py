import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nestpy_core import (
    BootError,
    ConfigurationError,
    DefinitionError,
    DynamicModule,
    Inject,
    injectable,
    module,
    provide,
    use_guards,
)
from nestpy_core.contracts import OccurrenceStore
from nestpy_schedule import (
    CronExpression,
    RunAll,
    ScheduleError,
    ScheduleModule,
    Schedules,
    Tick,
    UnknownScheduleError,
    after,
    cron,
    every,
    scheduled,
)
from nestpy_schedule._entry import Entry
from nestpy_schedule._expression import Cron
from nestpy_schedule._occurrences import MemoryOccurrences, RedisOccurrences
from nestpy_schedule._scheduled import Policy
from nestpy_schedule._trigger import CronTrigger
from nestpy_testing import LogCapture

from .running import START, FakeClock, root_of, running

pytestmark = pytest.mark.anyio


def seconds(ticks: list[datetime]) -> list[float]:
    return [(one - START).total_seconds() for one in ticks]


async def test_each_kind_fires_at_its_declared_times(clock: FakeClock) -> None:
    fired: dict[str, list[datetime]] = {"cron": [], "every": [], "after": []}

    @scheduled
    class Jobs:
        @cron("*/2 * * * *")
        async def by_cron(self) -> None:
            fired["cron"].append(clock.now())

        @every("50s")
        def by_interval(self) -> None:
            fired["every"].append(clock.now())

        @after("10s")
        async def once(self) -> None:
            fired["after"].append(clock.now())

    async with running(Jobs, clock=clock):
        await clock.advance(250)
    assert seconds(fired["cron"]) == [120, 240]
    assert seconds(fired["every"]) == [50, 100, 150, 200, 250]
    assert seconds(fired["after"]) == [10]


async def test_a_tick_knows_its_occurrence_and_takes_injected_things(clock: FakeClock) -> None:
    seen: list[Any] = []

    @injectable
    class Tool:
        name = "saw"

    @scheduled
    class Jobs:
        @cron(CronExpression.EVERY_MINUTE, name="minutely")
        async def minutely(self, tick: Tick, tool: Inject[Tool], word: str = "default") -> None:
            seen.append((tick.name, tick.due, tick.late, tool.name, word))

    async with running(Jobs, Tool, clock=clock):
        await clock.advance(60)
    assert seen == [("minutely", START + timedelta(minutes=1), 0.0, "saw", "default")]


async def test_a_tick_that_raises_is_logged_and_the_next_one_fires(clock: FakeClock, log_capture: LogCapture) -> None:
    fired: list[int] = []

    @scheduled
    class Jobs:
        @every(10)
        async def fails(self) -> None:
            fired.append(1)
            raise ZeroDivisionError("secret")

    async with running(Jobs, clock=clock) as context:
        await clock.advance(30)
        assert len(fired) == 3
        (status,) = (await context.get(Schedules)).all()
        assert (status.name, status.outcome, status.trigger) == ("Jobs.fails", "error", "every 10 s")
    assert len([one for one in log_capture.records if one.level == "error" and one.logger == "nestpy.schedule"]) == 3


async def test_a_tick_longer_than_its_interval_never_overlaps_itself(clock: FakeClock) -> None:
    most = now = ran = 0

    @scheduled
    class Jobs:
        @every(1)
        async def slow(self) -> None:
            nonlocal most, now, ran
            now += 1
            most = max(most, now)
            await clock.sleep(3.5)
            now -= 1
            ran += 1

    async with running(Jobs, clock=clock) as context:
        await clock.advance(20)
        assert (most, ran) == (1, 4)
        (await context.get(Schedules)).remove("Jobs.slow")
        await clock.advance(4)


@pytest.mark.parametrize(
    ("overlap", "starts", "cancelled"),
    [("skip", 4, 0), ("queue", 5, 0), ("allow", 14, 0), ("cancel_previous", 14, 13)],
)
async def test_overlap_policies(clock: FakeClock, overlap: Any, starts: int, cancelled: int) -> None:
    counts: Counter[str] = Counter()

    @scheduled
    class Jobs:
        @every(1, overlap=overlap)
        async def slow(self) -> None:
            counts["start"] += 1
            try:
                await clock.sleep(3.2)
            except asyncio.CancelledError:
                counts["cancelled"] += 1
                raise

    async with running(Jobs, clock=clock) as context:
        await clock.advance(14.1)
        assert (counts["start"], counts["cancelled"]) == (starts, cancelled)
        (await context.get(Schedules)).remove("Jobs.slow")
        await clock.advance(20)


class Slow(MemoryOccurrences):
    """A store that takes its time."""

    async def hold(self, key: str, holder: str, *, lease: float) -> bool:
        await asyncio.sleep(0.02)
        return await super().hold(key, holder, lease=lease)

    async def free(self, key: str, holder: str) -> None:
        await asyncio.sleep(0.05)
        await super().free(key, holder)


@module(providers=[provide(OccurrenceStore, use_factory=Slow)], shared=True)
class SlowModule: ...


@pytest.mark.parametrize(
    ("overlap", "ran"),
    [("skip", [5]), ("queue", [5, 10]), ("cancel_previous", [25]), ("allow", [5, 10, 15, 20, 25])],
)
async def test_what_comes_at_once_overlaps_only_where_it_may_however_slow_the_store(
    clock: FakeClock, overlap: Any, ran: list[int]
) -> None:
    at_once: list[int] = []
    ended: list[float] = []
    counts: Counter[str] = Counter()

    @scheduled
    class Jobs:
        @cron("*/5 * * * *", misfire=RunAll(5), overlap=overlap)
        async def five(self, tick: Tick) -> None:
            counts["running"] += 1
            at_once.append(counts["running"])
            try:
                await asyncio.sleep(0.1)
            finally:
                counts["running"] -= 1
                ended.append((tick.due - START).total_seconds() / 60)

    async with running(Jobs, clock=clock, imports=(SlowModule,)):
        clock.step(timedelta(minutes=25))
        await clock.advance(30)
        while len(ended) < len(ran):
            await asyncio.sleep(0.01)
    assert sorted(ended) == ran
    assert max(at_once) == (5 if overlap == "allow" else 1)


async def test_the_end_of_one_run_does_not_give_up_the_hold_of_the_next(clock: FakeClock) -> None:
    granted: list[bool] = []

    @scheduled
    class Jobs:
        store: OccurrenceStore

        @every(1, name="job")
        async def job(self) -> None:
            if granted:
                await asyncio.sleep(0.1)
            granted.append(await self.store.hold("job", "another process", lease=60))

    async with running(Jobs, clock=clock, imports=(SlowModule,)):
        for runs in (1, 2):
            await clock.advance(1)
            while len(granted) < runs:
                await asyncio.sleep(0.001)
    assert granted == [False, False]


@pytest.mark.parametrize(("misfire", "runs"), [("run_once", 1), (RunAll(10), 10), (RunAll(1000), 36), ("skip", 1)])
async def test_occurrences_that_nobody_could_run_are_caught_up_as_declared(
    clock: FakeClock, misfire: Any, runs: int
) -> None:
    fired: list[datetime] = []

    @scheduled
    class Jobs:
        @cron("*/5 * * * *", misfire=misfire, overlap="allow")
        async def five(self, tick: Tick) -> None:
            fired.append(tick.due)

    async with running(Jobs, clock=clock):
        clock.step(timedelta(hours=3))
        await clock.advance(30)
        assert len(fired) == runs
        assert fired[-1] == START + timedelta(hours=3)


async def test_occurrences_of_one_schedule_are_claimed_in_order(clock: FakeClock) -> None:
    claims: list[tuple[datetime, str]] = []

    class Slower(MemoryOccurrences):
        async def claim(self, key: str, due: datetime, *, keep: float, holder: str = "", lease: float = 0.0) -> bool:
            claims.append((due, "asked"))
            await asyncio.sleep(0.05 / len(claims))
            claims.append((due, "granted"))
            return await super().claim(key, due, keep=keep)

    @scheduled
    class Jobs:
        @cron("*/5 * * * *", misfire=RunAll(3), overlap="allow")
        async def five(self) -> None: ...

    @module(providers=[provide(OccurrenceStore, use_factory=Slower)], shared=True)
    class OccurrenceModule: ...

    async with running(Jobs, clock=clock, imports=(OccurrenceModule,)):
        clock.step(timedelta(minutes=15))
        await clock.advance(30)
        while len(claims) < 6:
            await asyncio.sleep(0.005)
    dues = [START + timedelta(minutes=5 * number) for number in (1, 2, 3)]
    assert claims == [(due, what) for due in dues for what in ("asked", "granted")]


async def test_what_is_late_beyond_the_grace_is_skipped_where_that_is_asked_for(clock: FakeClock) -> None:
    fired: list[datetime] = []

    @scheduled
    class Jobs:
        @cron("0 * * * *", misfire="skip", grace=60)
        async def hourly(self, tick: Tick) -> None:
            fired.append(tick.due)

    async with running(Jobs, clock=clock):
        clock.step(timedelta(hours=3, minutes=30))
        await clock.advance(30)
        assert fired == []
        await clock.advance(30 * 60)
        assert fired == [START + timedelta(hours=4)]


async def test_a_clock_that_is_set_back_stops_no_schedule_and_bursts_none(clock: FakeClock) -> None:
    fired: list[datetime] = []

    @scheduled
    class Jobs:
        @cron("* * * * *")
        async def minutely(self) -> None:
            fired.append(clock.now())

    async with running(Jobs, clock=clock):
        await clock.advance(600)
        assert len(fired) == 10
        clock.step(timedelta(hours=-1))
        await clock.advance(600)
        assert 19 <= len(fired) <= 21


async def test_jitter_spreads_the_starts_and_keeps_the_occurrence(clock: FakeClock) -> None:
    late: list[float] = []

    @scheduled
    class Jobs:
        @every(100, jitter=50)
        async def jittered(self, tick: Tick) -> None:
            assert (tick.due - START).total_seconds() % 100 == 0
            late.append(tick.late)

    random.seed(7)
    async with running(Jobs, clock=clock):
        await clock.advance(2050)
    assert len(late) == 20
    assert all(0 <= one <= 50 for one in late)
    assert len({round(one) for one in late}) > 5


async def test_schedules_can_be_added_looked_at_and_removed_while_the_app_runs(clock: FakeClock) -> None:
    fired: list[str] = []

    async def call() -> None:
        fired.append("added")

    @scheduled
    class Jobs:
        @cron("0 0 * * *")
        async def daily(self) -> None: ...

    async with running(Jobs, clock=clock) as context:
        schedules: Schedules = await context.get(Schedules)
        schedules.add_every("ten", "10s", call)
        schedules.add_cron("noon", "0 12 * * *", call, tz="Europe/Berlin")
        schedules.add_after("once", 5, call)
        assert [one.name for one in schedules.all()] == ["Jobs.daily", "noon", "once", "ten"]
        assert schedules.next_times("noon", 2) == [
            datetime(2026, 1, 1, 11, tzinfo=UTC),
            datetime(2026, 1, 2, 11, tzinfo=UTC),
        ]
        await clock.advance(25)
        assert fired == ["added"] * 3
        schedules.remove("ten")
        await clock.advance(100)
        assert fired == ["added"] * 3
        assert schedules.status("once").next is None
        with pytest.raises(ScheduleError, match="There is a schedule `noon` already"):
            schedules.add_every("noon", 1, call)
        with pytest.raises(UnknownScheduleError, match=r"There is no schedule `ten`\.\nHint: there are `Jobs.daily`"):
            schedules.remove("ten")


async def test_a_thousand_schedules_that_are_due_at_once_start_at_once(clock: FakeClock) -> None:
    started: Counter[tuple[datetime, float]] = Counter()

    def one(number: int) -> Any:
        @cron("* * * * * *", name=f"job-{number}")
        async def run(self: object, tick: Tick) -> None:
            started[tick.due, tick.late] += 1

        return run

    jobs = scheduled(type("Jobs", (), {f"run_{number}": one(number) for number in range(1000)}))
    async with running(jobs, clock=clock):
        await clock.advance(3)
    assert started == {(START + timedelta(seconds=number), 0.0): 1000 for number in (1, 2, 3)}


async def test_what_follows_a_due_time_is_known_before_it_comes(clock: FakeClock) -> None:
    asked: list[datetime] = []
    fired: list[datetime] = []

    class Asked(CronTrigger):
        def after(self, due: datetime, *, aligned: bool) -> datetime | None:
            asked.append(due)
            return super().after(due, aligned=aligned)

    async def run(tick: Tick) -> None:
        fired.append(tick.due)

    @scheduled
    class Jobs:
        @cron("0 0 * * *")
        async def daily(self) -> None: ...

    dues = [START + timedelta(minutes=number) for number in (1, 2, 3)]
    entry = Entry("minutely", Asked(Cron("* * * * *")), Policy(), run)
    async with running(Jobs, clock=clock) as context:
        (await context.get(Schedules)).enter(entry)
        for due in dues:
            while not entry.prepared:
                await asyncio.sleep(0.01)
            assert asked == [due]
            await clock.advance(30)
            assert asked == [due]
            asked.clear()
            await clock.advance(30)
            assert due not in asked
    assert fired == dues


async def test_what_runs_when_the_app_stops_finishes(clock: FakeClock) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    @scheduled
    class Jobs:
        @after(0.01)
        async def slow(self) -> None:
            begun.set()
            await asyncio.sleep(0.2)
            ended.append("ended")

    async with running(Jobs):
        await begun.wait()
    assert ended == ["ended"]


async def test_a_guard_that_refuses_is_a_failed_tick(clock: FakeClock, log_capture: LogCapture) -> None:
    @injectable
    class Never:
        def can_activate(self, context: Any) -> bool:
            return False

    ran: list[int] = []

    @scheduled
    class Jobs:
        @every(10)
        @use_guards(Never)
        async def guarded(self) -> None:
            ran.append(1)

    async with running(Jobs, clock=clock) as context:
        await clock.advance(10)
        assert (await context.get(Schedules)).status("Jobs.guarded").outcome == "error"
    assert ran == []
    assert "Jobs.guarded was refused: reason=forbidden" in log_capture.expect_one(logger="nestpy.guards").event


def test_what_cannot_be_is_refused_where_it_stands_or_at_boot() -> None:
    for bad, message in {
        lambda: cron("* * *"): "`* * *` has 3 fields.",
        lambda: cron(print): '`@cron` takes an expression, not `print`.\nHint: `@cron("0 3 * * *")`',  # type: ignore[arg-type]
        lambda: cron("* * * * *", tz="Nowhere"): "`Nowhere` is no time zone.",
        lambda: every("soon"): "`soon` in `@every` is no span.",
        lambda: every(0): "`0` in `@every` must be at least 10 ms",
        lambda: after(-1): "`-1` in `@after` must be at least 10 ms",
        lambda: every(1, overlap="twice"): '`overlap=twice` of `@every` must be one of "skip"',  # type: ignore[arg-type]
        lambda: every(1, misfire="never"): '`misfire=never` of `@every` must be "run_once"',  # type: ignore[arg-type]
        lambda: after(1, recover=True): "`recover` of `@after` is for what runs once in a fleet",
        lambda: every(1, jitter=-1): "`jitter` and `grace` of `@every` are seconds",
    }.items():
        with pytest.raises(DefinitionError) as caught:
            bad()
        assert str(caught.value).startswith(message)

    @scheduled
    class Jobs:
        @every(1, name="same")
        async def first(self) -> None: ...

        @every(1, name="same")
        async def second(self, job: int) -> None: ...

    from nestpy_core import App

    with pytest.raises(BootError) as report:
        App(root_of(Jobs), environ={"NESTPY_ENV": "test"})
    assert [str(one) for one in report.value.exceptions] == [
        "`Jobs.first` and `Jobs.second` are both schedules called `same`.\nHint: give one of them another `name=`",
        (
            "`Jobs.second` needs `job`, and nothing gives a tick arguments.\n"
            "Hint: annotate it `Tick` or `Inject[…]`, or give it a default"
        ),
    ]


@scheduled
class Once:
    @after("10s", once_per_fleet="import")
    async def once(self) -> None: ...


@scheduled
class Recovered:
    @every("1h", recover=True)
    async def recovered(self) -> None: ...

    @every("1h")
    async def alone(self) -> None: ...


async def test_what_wants_a_fleet_and_has_none_is_said_at_the_start(clock: FakeClock, log_capture: LogCapture) -> None:
    async with running(Once, Recovered, clock=clock):
        pass
    said = log_capture.expect_one(level="warning", logger="nestpy.schedule").event
    assert said == (
        "Once.once, Recovered.recovered: `once_per_fleet` and `recover` want what processes share, and there is "
        "neither `REDIS_URL` nor a database: this process runs them as if it were alone"
    )


async def test_a_fleet_that_is_there_is_not_missed(clock: FakeClock, log_capture: LogCapture, redis_url: str) -> None:
    async with running(Once, clock=clock, settings={"url": redis_url}):
        pass
    log_capture.expect_none(level="warning", logger="nestpy.schedule")


async def test_settings_may_be_known_only_at_the_start(redis_url: str, clock: FakeClock) -> None:
    async def settings() -> dict[str, object]:
        return {"url": redis_url, "lease": 7.0}

    late = ScheduleModule.for_root_async(use_factory=settings)
    async with running(Once, clock=clock, root=late) as context:
        assert isinstance(await context.get(OccurrenceStore), RedisOccurrences)
        assert (await context.get(Schedules)).config.lease == 7.0


def test_whether_a_process_runs_schedules_is_not_left_to_the_start() -> None:
    late = ScheduleModule.for_root_async(use_factory=lambda: {"run": False})
    with pytest.raises(ConfigurationError, match="run"):
        asyncio.run(start(late))


async def start(late: DynamicModule) -> None:
    async with running(Once, root=late):
        pass

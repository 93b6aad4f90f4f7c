"""Several processes, one Redis: each occurrence runs once, whoever dies or stands still."""

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from nestpy_core import App, BootError, ConfigurationError, module
from nestpy_core.contracts import OccurrenceStore
from nestpy_orm import Database, DatabaseOccurrences, OrmModule
from nestpy_schedule import RunAll, ScheduleModule, Tick, after, cron, every, scheduled
from nestpy_schedule._occurrences import MemoryOccurrences, RedisOccurrences

from .running import FakeClock, running

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(90)]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROGRAM = Path(__file__).parent / "programs" / "ticking.py"


class Fleet:
    """Processes that write down what they ran: name, occurrence, whether one that died had begun with it."""

    def __init__(self, url: str, history: Path) -> None:
        self.history = history
        self.processes: list[subprocess.Popen[str]] = []
        self._command = [sys.executable, str(PROGRAM), url, str(history)]
        history.touch()

    def start(self) -> None:
        self.processes.append(
            subprocess.Popen(  # our own program
                self._command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        )

    def ready(self) -> None:
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def occurrences(self) -> dict[str, Counter[float]]:
        found: dict[str, Counter[float]] = {}
        for line in self.history.read_text().splitlines():
            name, due, recovered = line.split()
            if recovered == "0":
                found.setdefault(name, Counter())[float(due)] += 1
        return found

    def recovered(self) -> set[tuple[str, float]]:
        lines = [line.split() for line in self.history.read_text().splitlines()]
        return {(name, float(due)) for name, due, recovered in lines if recovered == "1"}

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def fleet(redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    found = Fleet(redis_url, tmp_path / "history")
    yield found
    found.end()


async def past(fleet: Fleet, moment: float) -> None:
    """Wait until every schedule has run what was due at a moment."""
    while len(found := fleet.occurrences()) < 3 or any(max(dues) <= moment for dues in found.values()):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)  # who has claimed something before has run it


def assert_once_each(fleet: Fleet, begin: float, end: float, *, claimed: Collection[str] = ()) -> None:
    found = fleet.occurrences()
    assert set(found) == {"fast-0.2", "safe-0.2", "slow-1"}
    for name, counts in found.items():
        assert set(counts.values()) == {1}, f"{name} ran twice at {counts.most_common(1)}"
        period = float(name.split("-")[1])
        due = {one for one in counts if begin < one <= end}
        wanted = {number * period for number in range(int(begin / period) + 1, int(end / period) + 1)}
        missed = {round(one, 6) for one in wanted} - due
        # A process may die between its claim and its first line: that occurrence is used up.
        lost = {one for one in missed if f"nestpy:schedule:{{{name}}}:due:{round(one * 1_000_000)}" in claimed}
        if name.startswith("safe"):
            assert lost <= {due for _, due in fleet.recovered()}
        assert missed == lost, f"{name} missed {missed - lost}"
        assert len(lost) <= 6


async def test_each_occurrence_runs_once_in_a_fleet_whose_processes_are_killed(fleet: Fleet, redis_url: str) -> None:
    for _ in range(3):
        fleet.start()
    await asyncio.to_thread(fleet.ready)
    await past(fleet, 0)
    begin = time.time()
    for _ in range(3):
        await asyncio.sleep(1.0)
        victim = fleet.processes.pop(random.randrange(2))
        victim.kill()
        victim.communicate()
        fleet.start()
    end = time.time()
    await past(fleet, end)
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        claimed = await client.keys("*:due:*")
        while await client.hlen("nestpy:schedule:{safe-0.2}:open") > 3:  # what runs now, and nothing of the dead
            await asyncio.sleep(0.05)
    assert_once_each(fleet, begin, end, claimed=claimed)


async def test_a_process_that_stood_still_runs_nothing_again(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.start()
    await asyncio.to_thread(fleet.ready)
    await past(fleet, 0)
    begin = time.time()
    await asyncio.sleep(1.0)
    os.kill(fleet.processes[0].pid, signal.SIGSTOP)
    await asyncio.sleep(2.5)
    os.kill(fleet.processes[0].pid, signal.SIGCONT)
    end = time.time()
    await past(fleet, end)
    assert_once_each(fleet, begin, end)


def database_url(request: pytest.FixtureRequest, dialect: str) -> str:
    if dialect == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path')}/rows.sqlite"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture(params=["memory", "redis", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield MemoryOccurrences()
    elif request.param == "redis":
        found = RedisOccurrences(request.getfixturevalue("redis_url"))
        yield found
        await found.close()
    else:
        imports = (OrmModule.for_root(url=database_url(request, request.param)),)
        async with running(imports=imports) as context:
            yield await context.get(OccurrenceStore)


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
async def test_processes_agree_in_the_database_where_there_is_no_redis(
    request: pytest.FixtureRequest, dialect: str
) -> None:
    ran: list[datetime] = []

    @scheduled
    class Jobs:
        @every(0.2, name="job", misfire=RunAll(1000))
        async def job(self, tick: Tick) -> None:
            ran.append(tick.due)

    imports = (OrmModule.for_root(url=database_url(request, dialect)),)
    async with running(Jobs, imports=imports), running(Jobs, imports=imports):
        while len(ran) < 6:
            await asyncio.sleep(0.01)
    last = max(ran)
    assert len(ran) == len(set(ran))
    async with running(Jobs, imports=imports) as context:
        store = await context.get(OccurrenceStore)
        while max(ran) <= last:
            await asyncio.sleep(0.01)
        assert await store.latest("job") >= max(ran)
    assert len(ran) == len(set(ran))


async def test_a_database_forgets_old_occurrences_but_never_the_last(tmp_path: Path) -> None:
    dues = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    async with running(imports=(OrmModule.for_root(url=f"sqlite:///{tmp_path}/rows.sqlite"),)) as context:
        for due in dues:
            assert await (await context.get(OccurrenceStore)).claim("job", due, keep=-1)
        fresh = DatabaseOccurrences(database=await context.get(Database))  # the first claim looks what is old
        assert await fresh.claim("other", dues[0], keep=60)
        rows = await fresh.database.fetch("SELECT key, due FROM nestpy_occurrences ORDER BY key")
        assert await fresh.latest("job") == dues[2]
    assert [tuple(row) for row in rows] == [
        (key, at.timestamp() * 1e6) for key, at in (("job", dues[2]), ("other", dues[0]))
    ]


async def test_stores_grant_each_occurrence_and_each_hold_to_one(store: Any) -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    assert await store.latest("job") is None
    granted = await asyncio.gather(*(store.claim("job", due, keep=60) for _ in range(20)))
    assert sum(granted) == 1
    assert await store.latest("job") == due
    assert await store.claim("other", due, keep=60)
    assert await store.hold("job", "ada", lease=60)
    assert await store.hold("job", "ada", lease=60)
    assert not await store.hold("job", "bob", lease=60)
    await store.free("job", "bob")
    assert not await store.hold("job", "bob", lease=60)
    assert await store.hold("job", "ada", lease=0.1)
    while not await store.hold("job", "bob", lease=60):
        await asyncio.sleep(0.01)
    await store.free("job", "bob")
    assert await store.hold("job", "ada", lease=60)


async def test_stores_keep_an_occurrence_open_until_its_holder_settles_it_or_is_silent(store: Any) -> None:
    first, second, third = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
    if isinstance(store, MemoryOccurrences):
        assert await store.claim("job", first, keep=60, holder="ada", lease=0)
        assert await store.take_over("job", "bob", lease=60) is None
        return
    assert await store.claim("job", second, keep=60, holder="ada", lease=0)
    assert await store.claim("job", first, keep=60, holder="ada", lease=0)
    assert await store.claim("job", third, keep=60, holder="ada", lease=60)
    assert await store.claim("closed", first, keep=60)
    assert not await store.claim("job", first, keep=60, holder="bob", lease=0)
    await asyncio.sleep(0.01)
    assert await asyncio.gather(*(store.take_over("job", "bob", lease=60) for _ in range(4))) in (
        list(order) for order in itertools.permutations([first, second, None, None])
    )
    assert [await store.take_over(key, "eve", lease=60) for key in ("job", "closed", "other")] == [None] * 3
    assert not await store.settle("job", first, "ada")
    assert not await store.renew("job", first, "ada", lease=60)
    assert await store.renew("job", first, "bob", lease=0)
    assert await store.settle("job", second, "bob")
    assert not await store.settle("job", second, "bob")
    await asyncio.sleep(0.01)
    assert await store.take_over("job", "eve", lease=60) == first
    assert await store.settle("job", third, "ada")
    assert await store.latest("job") == third


RECOVERING = {"lease": 0.3}


@pytest.mark.parametrize("kind", ["redis", "sqlite", "postgres"])
async def test_what_a_process_had_begun_when_it_died_runs_elsewhere_in_its_turn(
    request: pytest.FixtureRequest, kind: str
) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=1)
    ran: list[tuple[str, datetime, bool]] = []
    at_once = 0

    @scheduled
    class Jobs:
        @cron("0 0 1 1 *", name="job", recover=True)
        async def job(self, tick: Tick) -> None:
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            await asyncio.sleep(0.05)
            at_once -= 1
            ran.append(("job", tick.due, tick.recovered))

        @after("1h", once_per_fleet="import", recover=True)
        async def once(self, tick: Tick) -> None:
            ran.append(("once", begun, tick.recovered))

    settings: dict[str, Any] = dict(RECOVERING)
    imports: tuple[Any, ...] = ()
    if kind == "redis":
        settings["url"] = request.getfixturevalue("redis_url")
    else:
        imports = (OrmModule.for_root(url=database_url(request, kind)),)
    async with running(settings=settings, imports=imports) as context:
        store = await context.get(OccurrenceStore)
        for key, due in (("job", begun), ("job", begun + timedelta(seconds=1)), ("once import", EPOCH)):
            assert await store.claim(key, due, keep=60, holder="dead", lease=0.5)
        assert await store.hold("job", "dead", lease=0.5)
    async with running(Jobs, settings=settings, imports=imports):
        while len(ran) < 3:
            await asyncio.sleep(0.01)
    assert sorted(ran) == [
        ("job", begun, True),
        ("job", begun + timedelta(seconds=1), True),
        ("once", begun, True),
    ]
    async with running(Jobs, settings=settings, imports=imports):
        await asyncio.sleep(0.7)
    assert len(ran) == 3


def one_shot(work: Callable[[Tick], Awaitable[None]]) -> tuple[type, list[bool]]:
    """Make a schedule that is recovered, and the list in which it writes whether each run is one more."""
    ran: list[bool] = []

    @scheduled
    class Jobs:
        @after("10ms", once_per_fleet="import", recover=True)
        async def once(self, tick: Tick) -> None:
            ran.append(tick.recovered)
            await work(tick)

    return Jobs, ran


async def test_a_run_that_the_end_of_its_process_cancels_begins_anew_elsewhere_at_once(redis_url: str) -> None:
    jobs, ran = one_shot(lambda tick: asyncio.sleep(0 if tick.recovered else 60))

    @module(imports=[ScheduleModule.for_root(url=redis_url, lease=3600)], providers=[jobs])
    class RootModule: ...

    def app() -> App:
        return App(RootModule, environ={"NESTPY_ENV": "test", "NESTPY_APP__FINISH_TIMEOUT": "0.1"})

    async with app().create_context(serve=True):
        while not ran:
            await asyncio.sleep(0.01)
    async with app().create_context(serve=True), asyncio.timeout(10):
        while len(ran) < 2:
            await asyncio.sleep(0.01)
    assert ran == [False, True]


async def test_a_run_of_many_leases_in_a_process_that_lives_is_not_taken_over(redis_url: str) -> None:
    jobs, ran = one_shot(lambda _: asyncio.sleep(1.0))
    settings = {"url": redis_url, **RECOVERING}
    async with running(jobs, settings=settings), running(jobs, settings=settings):
        await asyncio.sleep(1.6)
    assert ran == [False]


async def test_a_process_does_not_take_over_what_it_still_runs_itself(redis_url: str) -> None:
    async def block(_: Tick) -> None:
        time.sleep(0.6)  # so that nothing renews its lease
        await asyncio.sleep(0.6)

    jobs, ran = one_shot(block)
    async with running(jobs, settings={"url": redis_url, **RECOVERING}):
        while not ran:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.9)
    assert ran == [False]


async def test_a_one_shot_of_the_fleet_runs_in_one_process_for_good(redis_url: str, clock: FakeClock) -> None:
    ran: list[str] = []

    @scheduled
    class Jobs:
        @after("1s", once_per_fleet="import-2026")
        async def once(self) -> None:
            ran.append("once")

        @after("1s")
        async def each(self) -> None:
            ran.append("each")

    for number in range(3):
        async with running(Jobs, clock=clock, settings={"url": redis_url}):
            await clock.advance(2)
            while not ran.count("once") or ran.count("each") <= number:
                await asyncio.sleep(0.005)
    assert (ran.count("once"), ran.count("each")) == (1, 3)


async def test_what_was_missed_while_no_process_ran_is_caught_up(redis_url: str) -> None:
    ran: list[datetime] = []

    @scheduled
    class Jobs:
        @every(0.2, name="job", misfire=RunAll(1000), overlap="allow")
        async def job(self, tick: Tick) -> None:
            ran.append(tick.due)

    async with running(Jobs, settings={"url": redis_url}):
        while len(ran) < 2:
            await asyncio.sleep(0.01)
    last = ran[-1]
    await asyncio.sleep(1.1)
    ran.clear()
    async with running(Jobs, settings={"url": redis_url}):
        while len(ran) < 5:
            await asyncio.sleep(0.005)
    assert ran[:5] == [last + timedelta(seconds=0.2 * number) for number in range(1, 6)]


async def test_an_app_that_stops_while_many_are_due_runs_whatever_it_has_claimed(redis_url: str) -> None:
    ran: set[tuple[str, datetime]] = set()

    def one(number: int) -> Any:
        @cron("* * * * * *", name=f"job-{number}", overlap="allow")  # else a slow second may skip what it has claimed
        async def run(self: object, tick: Tick) -> None:
            ran.add((tick.name, tick.due))

        return run

    jobs = scheduled(type("Jobs", (), {f"run_{number}": one(number) for number in range(200)}))
    await asyncio.sleep(1.05 - time.time() % 1)  # all of them shall have their first occurrence in the same second
    async with running(jobs, settings={"url": redis_url}):
        while not ran:
            await asyncio.sleep(0.001)
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        claimed = await client.keys("*:due:*")
    assert len(ran) > 1
    assert set(claimed) == {f"nestpy:schedule:{{{name}}}:due:{round(due.timestamp() * 1_000_000)}" for name, due in ran}


async def test_a_redis_that_is_away_at_the_start_ends_it(unused_port: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with running(settings={"url": f"redis://:hunter2@127.0.0.1:{unused_port}"}):
            pass
    assert str(caught.value) == (
        "Setting `schedule.url` must be that of a Redis that answers, and this one does not (ConnectionError)\n"
        "Hint: start Redis, or correct `REDIS_URL`"
    )


async def test_a_redis_that_goes_away_later_costs_no_process(private_redis: Any) -> None:
    ran: list[datetime] = []

    @scheduled
    class Jobs:
        @every(0.2, name="job")
        async def job(self, tick: Tick) -> None:
            ran.append(tick.due)

    async with running(Jobs, settings={"url": private_redis.url}):
        while not ran:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(private_redis.stop)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(private_redis.start)
        count = len(ran)
        while len(ran) < count + 3:
            await asyncio.sleep(0.01)
    assert len(ran) == len(set(ran))


def test_an_app_without_the_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    @module(imports=[ScheduleModule.for_root(url="redis://localhost")])
    class RootModule: ...

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "redis" else real(name))
    with pytest.raises(BootError) as caught:
        App(RootModule, environ={"NESTPY_ENV": "test"})
    assert [str(one) for one in caught.value.exceptions] == [
        (
            "Setting `schedule.url` needs the package redis, which is not installed\n"
            "Hint: pip install nestpy-schedule[redis]"
        )
    ]


@pytest.mark.parametrize(
    "url", ["http://:hunter2@localhost", "redis://:hunter2@localhost:port", "redis://host/hunter2"]
)
def test_a_url_that_no_redis_can_have_is_a_boot_error_which_does_not_repeat_it(url: str) -> None:
    @module(imports=[ScheduleModule])
    class RootModule: ...

    with pytest.raises(BootError) as caught:
        App(RootModule, environ={"NESTPY_ENV": "test", "REDIS_URL": url})
    assert "1. Setting `schedule.url` must be a URL " in str(caught.value)
    assert "Hint: set `REDIS_URL` to `redis://:password@host:6379/0`" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_claim_that_the_client_sends_again_is_granted_again(redis_url: str) -> None:
    store = RedisOccurrences(redis_url)
    keys = [f"nestpy:schedule:{{job}}:{rest}" for rest in ("due:1", "latest", "open")]
    assert [await store._claim(keys=keys, args=[1, 60_000, mark, "", 1]) for mark in ("one", "one", "two", "one")] == [
        1,
        1,
        0,
        1,
    ]
    await store.close()

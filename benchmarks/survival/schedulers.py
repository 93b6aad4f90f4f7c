"""Schedulers that are killed, stand still, were away, or run longer than their period: S1, S2, S5 and S6."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cases.scheduler import LEASE
from harness.contestants import BENCHMARKS
from harness.goals import Goal
from harness.session import say
from redis.asyncio import Redis

from nestpy_core import App, Clock, module
from nestpy_schedule import RunAll, ScheduleModule, Tick, cron, scheduled
from nestpy_testing import FakeClock, ForkServer, RedisProcess, TestApp

from .producing import Lines, until

_PROGRAM = f"{BENCHMARKS}/cases/scheduler.py"
_PERIOD = 1.0
_HOURS = 3


async def killed(seconds: float, processes: int, count: int, directory: Path) -> list[Goal]:
    """S1: kill one of several schedulers every two seconds; half of the schedules are recovered."""
    lines = Lines(directory / "schedules")
    dead: set[int] = set()
    with RedisProcess() as redis, ForkServer(f"{_PROGRAM}:tick") as server:
        given = (redis.url, str(lines.path), str(count), "* * * * * *", str(count))
        fleet = [server.fork(*given) for _ in range(processes)]
        await until(lambda: len(lines.path.read_text().splitlines()) >= 2 * count)
        begin, deaths = int(time.time()) + 2, 0
        while time.time() < begin + seconds:
            await asyncio.sleep(2.0 - random.uniform(0, 0.5))
            victim = random.choice(fleet)
            dead.add(victim.pid)
            await asyncio.to_thread(victim.kill)
            victim.start()
            deaths += 1
            if deaths % 50 == 0:
                say(f"S1  {deaths} kills in {time.time() - begin:.0f} s")
        end = int(time.time()) - 1
        await asyncio.sleep(2 * LEASE + 1)
        for one in fleet:
            await asyncio.to_thread(one.terminate)
        ran: dict[tuple[str, int], list[Start]] = {}
        for name, due, pid, _, again in map(str.split, lines.path.read_text().splitlines()):
            ran.setdefault((name, int(due)), []).append(Start(int(pid), again == "1"))
        wanted = {
            (f"{kind}-{number}", due)
            for kind in ("job", "safe")
            for number in range(count)
            for due in range(begin, end)
        }
        claimed = await claims(redis.url)
    what = f"S1 {deaths} kills among {processes} schedulers"
    once = {one for one in wanted if one[0].startswith("job")}
    return [
        *judge_once(what, once, ran, claimed, most=deaths * count / processes),
        *judge_recovered(what, wanted - once, ran, dead, most=deaths * count),
    ]


@dataclass(frozen=True, slots=True)
class Start:
    """One start of an occurrence: in which process, and whether one that died had begun with it."""

    pid: int
    again: bool


Starts = Mapping[tuple[str, int], Sequence[Start]]


def judge_once(
    what: str, wanted: Collection[tuple[str, int]], ran: Starts, claimed: Collection[tuple[str, int]], most: float
) -> list[Goal]:
    """Hold the starts of schedules that run at most once against S1."""
    name = f"{what}, {len(wanted):,} occurrences"
    double = sum(len(ran.get(one, ())) > 1 for one in wanted)
    missed = {one for one in wanted if one not in ran}
    used = len(missed & set(claimed))
    return [
        Goal(f"{name}: none runs twice", str(double), double == 0 and bool(wanted)),
        Goal(f"{name}: none is left unclaimed", str(len(missed) - used), len(missed) == used),
        Goal(f"{name}: only those that a killed process had just claimed do not run", str(used), used <= most),
    ]


def judge_recovered(
    what: str, wanted: Collection[tuple[str, int]], ran: Starts, dead: Collection[int], most: float
) -> list[Goal]:
    """Hold the starts of schedules with ``recover=True`` against S1: only who was killed is followed by another."""
    name = f"{what}, {len(wanted):,} occurrences with `recover=True`"
    missed = sum(one not in ran for one in wanted)
    again = sum(start.again for one in wanted for start in ran.get(one, ()))
    further = [starts for one in wanted for starts in [ran.get(one, ())] if len(starts) > 1]
    groundless = sum(
        not later.again or earlier.pid not in dead
        for starts in further
        for earlier, later in itertools.pairwise(starts)
    )
    return [
        Goal(f"{name}: none is missed", str(missed), missed == 0 and bool(wanted)),
        Goal(f"{name}: none runs twice unless its process was killed", str(groundless), groundless == 0),
        Goal(
            f"{name}: those of killed processes run elsewhere",
            f"{again}, of which {len(further)} had written their line",
            again <= most,
        ),
    ]


async def claims(url: str) -> set[tuple[str, int]]:
    """Return every occurrence that was claimed."""
    async with Redis.from_url(url, decode_responses=True) as client:
        found = [key async for key in client.scan_iter(match="*:due:*", count=1000)]
    return {(key.split("{")[1].split("}")[0], int(key.rpartition(":")[2]) // 1_000_000) for key in found}


async def stills(rounds: int, count: int, directory: Path) -> list[Goal]:
    """S2: stop one of three schedulers for three leases by SIGSTOP, and let it go on."""
    lines = Lines(directory / "stills")
    with RedisProcess() as redis, ForkServer(f"{_PROGRAM}:tick") as server:
        fleet = [server.fork(redis.url, str(lines.path), str(count), "* * * * * *") for _ in range(3)]
        await until(lambda: len(lines.path.read_text().splitlines()) >= count)
        begin = int(time.time()) + 2
        for number in range(rounds):
            victim = random.choice(fleet)
            victim.send(signal.SIGSTOP)
            await asyncio.sleep(3 * LEASE)
            victim.send(signal.SIGCONT)
            await asyncio.sleep(random.uniform(0.5, 1.5))
            say(f"S2  {number + 1} of {rounds} times stood still")
        end = int(time.time()) - 1
        await asyncio.sleep(3)
        for one in fleet:
            await asyncio.to_thread(one.terminate)
    ran = Counter((words[0], int(words[1])) for words in map(str.split, lines.path.read_text().splitlines()))
    wanted = {(f"job-{number}", due) for number in range(count) for due in range(begin, end)}
    return judge_stills(ran, wanted, rounds)


def judge_stills(ran: Mapping[tuple[str, int], int], wanted: set[tuple[str, int]], rounds: int) -> list[Goal]:
    """Hold how often each occurrence ran against S2."""
    double, missed = sum(times > 1 for times in ran.values()), len(wanted - ran.keys())
    what = f"S2 {rounds} times a scheduler stood still for three leases, {len(wanted):,} occurrences"
    return [
        Goal(f"{what}: none runs twice", str(double), double == 0),
        Goal(f"{what}: none is missed", str(missed), missed == 0 and bool(wanted)),
    ]


async def misfires(count: int) -> list[Goal]:
    """S5: a fleet is away for three hours while schedules of five minutes are due."""
    ran: Counter[str] = Counter()
    policies: dict[str, Any] = {"run_once": "run_once", "run_all": RunAll(10), "skip": "skip"}
    wanted = {"run_once": 1, "run_all": 10, "skip": 0}

    def named(name: str, policy: Any) -> Callable[..., Awaitable[None]]:
        @cron("*/5 * * * *", name=name, misfire=policy, overlap="allow")
        async def run(self: object, tick: Tick) -> None:
            ran[name] += 1

        return run

    names = [(f"{name}-{number}", policy) for name, policy in policies.items() for number in range(count)]
    jobs = scheduled(type("Jobs", (), {f"run_{number}": named(*one) for number, one in enumerate(names)}))
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    with RedisProcess() as redis:
        async with _frozen(jobs, redis.url, clock):
            await clock.advance(300)
            await until(lambda: ran.total() == 3 * count)
        ran.clear()
        clock.step(_HOURS * 3600 + 150)
        async with _frozen(jobs, redis.url, clock):
            await clock.settle()
            await until(lambda: ran.total() >= sum(wanted.values()) * count)
            await asyncio.sleep(1.0)  # what is too much would come now
    return [judge_misfires(name, [ran[f"{name}-{number}"] for number in range(count)], wanted[name]) for name in wanted]


def judge_misfires(policy: str, runs: Sequence[int], wanted: int) -> Goal:
    """Hold the runs of each schedule of one policy against S5."""
    name = f"S5 {len(runs)} schedules of five minutes, {_HOURS} hours away, `{policy}`: {wanted} runs each"
    return Goal(name, f"{min(runs)} to {max(runs)}", set(runs) == {wanted})


def _frozen(jobs: type, url: str, clock: FakeClock) -> Any:
    @module(imports=[ScheduleModule.for_root(url=url)], providers=[jobs])
    class FrozenModule: ...

    stand_in = TestApp(object)
    stand_in.override_provider(Clock).use_value(clock)
    overrides = list(stand_in.overrides.values())
    return App(FrozenModule, environ={"NESTPY_ENV": "test"}, overrides=overrides).create_context(serve=True)


@dataclass(slots=True)
class Run:
    """One run of a schedule: when it began, when it ended, and whether by the death of its process."""

    begin: float
    end: float
    killed: bool = False


async def overlaps(rounds: int, count: int, directory: Path) -> list[Goal]:
    """S6: runs of two and a half periods under each policy, in three schedulers of which one dies now and then."""
    lines = Lines(directory / "overlaps")
    deaths: dict[int, float] = {}
    with RedisProcess() as redis, ForkServer(f"{_PROGRAM}:overlap") as server:
        given = (redis.url, str(lines.path), str(count), str(LEASE), str(2.5 * _PERIOD))
        fleet = [server.fork(*given) for _ in range(3)]
        await until(lambda: len(lines.of("start")) >= 4 * count)
        for number in range(rounds):
            await asyncio.sleep(2 * LEASE + random.uniform(0, 1))
            victim = random.choice(fleet)
            deaths[victim.pid] = time.time()
            await asyncio.to_thread(victim.kill)
            victim.start()
            say(f"S6  {number + 1} of {rounds} killed")
        await asyncio.sleep(3 * LEASE)
        for one in fleet:
            await asyncio.to_thread(one.terminate)
    return judge_overlaps(_runs(lines, deaths), len(deaths))


def _runs(lines: Lines, deaths: Mapping[int, float]) -> dict[str, list[Run]]:
    ends = {tuple(words[1:4]): float(words[4]) for words in lines.of("end")}
    found: dict[str, list[Run]] = {}
    for words in lines.of("start"):
        end = ends.get(tuple(words[1:4]))
        death = deaths.get(int(words[3]), time.time())
        found.setdefault(words[1], []).append(Run(float(words[4]), death if end is None else end, end is None))
    return found


def judge_overlaps(ran: Mapping[str, Sequence[Run]], deaths: int) -> list[Goal]:
    """Hold the runs of each schedule, by its name that begins with its policy, against S6."""
    goals = []
    locked = []
    for policy in ("skip", "queue", "cancel_previous", "allow"):
        each = [sorted(runs, key=lambda run: run.begin) for name, runs in ran.items() if name.split("-")[0] == policy]
        pairs = [pair for runs in each for pair in itertools.pairwise(runs)]
        beside = sum(later.begin < earlier.end for earlier, later in pairs)
        total = sum(map(len, each))
        what = f"S6 {total} runs of two and a half periods, `{policy}`, {deaths} deaths"
        if policy == "allow":
            goals.append(
                Goal(f"{what}: runs go on beside each other", f"{beside} begin beside one", beside > total / 2)
            )
        else:
            goals.append(Goal(f"{what}: none begins beside another", str(beside), beside == 0 and total > 0))
            locked += [later.begin - earlier.end for earlier, later in pairs if earlier.killed]
    slowest = max(locked, default=float("inf"))
    name = f"S6 {len(locked)} runs whose process died keep the next one back for two leases of {LEASE:g} s at the most"
    return [*goals, Goal(name, f"{slowest:.2f} s", slowest <= 2 * LEASE)]

"""Kill workers, Redis and schedulers under load and count what was lost: `make soak ARGS=queue`, `ARGS=schedule`.

Everything runs on a Redis of its own with an append-only file, synced every second. Goals bear the names of the
acceptance rows; ``--only`` chooses some. Those that are not here are in `survival`, by what fails. S4 sets the clock of
a process by libfaketime (``apt-get install faketime``).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cases.queue_worker import Work
from harness.contestants import BENCHMARKS
from harness.goals import Goal
from harness.processes import Memory
from harness.session import say
from redis.asyncio import Redis
from survival import calendars, defects, outages, schedulers, workers as dying
from survival.producing import WORKER, Lines, parts, producer

from nestpy_queue import Queue, QueueAdmin, StoreUnavailableError
from nestpy_testing import ForkServer, RedisProcess

TIERS = ("queue", "schedule")

_SENDER = f"{BENCHMARKS}/cases/queue_worker.py:send"
_SCHEDULER = f"{BENCHMARKS}/cases/scheduler.py:tick"
_STEPPER = f"{BENCHMARKS}/cases/scheduler.py:step"
_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
_GRACE = 60.0
"""Seconds by which the default `grace` lets an occurrence be late."""


async def kills(jobs: int, count: int, directory: Path) -> list[Goal]:
    """Q1: kill workers at random moments, from the first job to the last."""
    lines = Lines(directory / "kills")
    with RedisProcess() as redis, ForkServer(WORKER) as server:
        settings = {"url": redis.url, "lease": 1.0, "durability": "off", "timeout": 5.0}
        async with producer(settings).create_context() as context:
            queue, admin = await parts(context)
            workers = [server.fork(json.dumps(settings), str(lines.path), "10") for _ in range(4)]
            sent: set[str] = set()
            killed = 0
            batch = max(1, jobs // max(count, 1))
            counts = await admin.counts("work")
            while len(sent) < jobs or counts.waiting or counts.delayed or counts.running:
                if len(sent) < jobs:
                    some = range(min(batch, jobs - len(sent)))
                    sent |= {job.id for job in await queue.enqueue_many([Work(number, 0.01) for number in some])}
                await asyncio.sleep(random.uniform(0.005, 0.06))
                counts = await admin.counts("work")
                if killed < count and killed <= counts.done * count / jobs:
                    worker = random.choice(workers)
                    await asyncio.to_thread(worker.kill)
                    worker.start()
                    killed += 1
                    if killed % 100 == 0:
                        say(f"Q1  {killed} kills, {len(sent):,} jobs sent, {counts.done:,} done")
            for worker in workers:
                await asyncio.to_thread(worker.terminate)
    return judge_kills(lines, sent, counts.done, counts.dead, killed)


def judge_kills(lines: Lines, sent: set[str], done: int, dead: int, count: int) -> list[Goal]:
    """Hold a history of starts against Q1."""
    starts = lines.of("start")
    times = Counter(words[1] for words in starts)
    deliveries = Counter((words[1], words[2]) for words in starts)
    lost, strange = len(sent - times.keys()), len(times.keys() - sent)
    extra = len(starts) - len(times)
    what = f"Q1 {count:,} kills in {len(sent):,} jobs"
    return [
        Goal(f"{what}: none lost", f"{lost} lost, {dead} dead, {strange} unknown", lost == dead == strange == 0),
        Goal(f"{what}: each counts once", f"{done:,} ends counted", done == len(sent)),
        Goal(
            f"{what}: at most the jobs that ran at a kill start again",
            f"{extra:,} of {count * 10:,}",
            extra <= count * 10,
        ),
        Goal(
            f"{what}: every start has a delivery number of its own",
            f"{len(deliveries):,}",
            len(deliveries) == len(starts),
        ),
    ]


async def restarts(jobs: int, count: int, directory: Path) -> list[Goal]:
    """Q4: restart Redis, every second time by SIGKILL, while jobs are sent and worked off."""
    lines = Lines(directory / "restarts")
    with RedisProcess() as redis, ForkServer(WORKER) as server:
        settings = {"url": redis.url, "lease": 5.0, "durability": "off"}
        async with producer(settings).create_context() as context:
            queue, admin = await parts(context)
            workers = [server.fork(json.dumps(settings), str(lines.path), "10") for _ in range(2)]
            pids = [worker.pid for worker in workers]
            sent: set[str] = set()
            waits: list[float] = []
            for number in range(count):
                sending = asyncio.create_task(
                    _send_all(queue, range(number * jobs // count, (number + 1) * jobs // count), sent)
                )
                await asyncio.sleep(0.15)
                await asyncio.to_thread(redis.kill if number % 2 else redis.stop)
                await asyncio.to_thread(redis.start)
                back = time.time()
                await sending
                # One more than those that may all have run before the restart.
                await _send_all(queue, range(jobs + number, jobs + number + 1), sent)
                waits.append(await _first_start(lines, back))
                say(f"Q4  restart {number + 1} of {count}: {len(sent):,} jobs sent, consuming after {waits[-1]:.2f} s")
            await admin.drained("work", 3600.0)
            counts = await admin.counts("work")
            alive = [worker.pid for worker in workers if worker.running]
            for worker in workers:
                await asyncio.to_thread(worker.terminate)
    started = {words[1] for words in lines.of("start")}
    lost, cancelled = len(sent - started), len(lines.of("cancelled"))
    slowest = max(waits, default=0.0)
    what = f"Q4 {count} restarts of Redis under {len(sent):,} jobs"
    return [
        Goal(f"{what}: none lost", f"{lost} lost, {counts.dead} dead", lost == counts.dead == 0),
        Goal(f"{what}: the workers' processes live", f"{len(alive)} of {len(pids)}", alive == pids),
        Goal(f"{what}: no running handler is cancelled", str(cancelled), cancelled == 0),
        Goal(f"{what}: consuming again within 2 s", f"{slowest:.2f} s at most", slowest <= 2.0),
    ]


async def _send_all(queue: Queue[Work], numbers: range, sent: set[str]) -> None:
    # A send that fails may have got through: its key makes the next one the same job.
    async def send(number: int) -> None:
        while True:
            try:
                sent.add((await queue.enqueue(Work(number, 0.01), key=f"job-{number}")).id)
            except StoreUnavailableError:
                await asyncio.sleep(0.02)
            else:
                return

    for first in range(numbers.start, numbers.stop, 20):
        await asyncio.gather(*map(send, numbers[first - numbers.start : first - numbers.start + 20]))


async def _first_start(lines: Lines, since: float) -> float:
    while time.time() < since + 60:
        later = [float(words[4]) for words in lines.of("start")[-400:] if float(words[4]) > since]
        if later:
            return min(later) - since
        await asyncio.sleep(0.02)
    return 60.0


async def keys(processes: int, count: int, sends: int, directory: Path) -> list[Goal]:
    """Q12: send the same keys from several processes at once."""
    del directory
    with RedisProcess() as redis, ForkServer(_SENDER) as server:
        settings = {"url": redis.url, "durability": "off", "timeout": 30.0}
        begin = time.time() + 3
        senders = [server.fork(json.dumps(settings), str(count), str(sends), str(begin)) for _ in range(processes)]
        codes = [await asyncio.to_thread(sender.wait, 7200.0) for sender in senders]
        async with producer(settings).create_context() as context:
            counts = await (await parts(context))[1].counts("work")
    what = f"Q12 {processes} processes send {count:,} keys {sends} times: {count:,} jobs"
    return [
        Goal(
            what,
            f"{counts.waiting:,} jobs, exit codes {sorted(set(codes))}",
            counts.waiting == count and not any(codes),
        )
    ]


async def remains(jobs: int, directory: Path) -> list[Goal]:
    """Q15: work many jobs off and look at what stays behind in Redis and in the worker."""
    history = str(directory / "remains")
    with RedisProcess() as redis, ForkServer(WORKER) as server:
        settings = {"url": redis.url, "lease": 1.0, "durability": "off", "timeout": 5.0, "keep": 1.0}
        async with producer(settings).create_context() as context:
            queue, admin = await parts(context)
            worker = server.fork(json.dumps(settings), history, "50")
            client: Any = Redis.from_url(redis.url)
            await _flow(queue, admin, 2000)
            memory = int((await client.info("memory"))["used_memory"])
            sizes = []
            for step in range(20):
                await _flow(queue, admin, jobs // 20)
                sizes.append(Memory.of(worker.pid).rss)
                say(f"Q15 {(step + 1) * jobs // 20:,} jobs, worker {sizes[-1]:.1f} MB")
            # A finished job is known for a minute at least.
            until = time.monotonic() + 90
            while time.monotonic() < until and await client.dbsize() > 30:  # noqa: ASYNC110  # only Redis knows
                await asyncio.sleep(1.0)
            await client.execute_command("MEMORY", "PURGE")
            after = int((await client.info("memory"))["used_memory"])
            length = sum([await client.xlen(f"nestpy:{{work}}:stream:{level}") for level in range(4)])
            consumers = len(await client.xinfo_consumers("nestpy:{work}:stream:1", "workers"))
            await client.aclose()
            await asyncio.to_thread(worker.terminate)
    drift = sizes[-1] / sizes[len(sizes) // 5] - 1
    what = f"Q15 after {jobs:,} jobs"
    grown = (after - memory) / 2**20
    return [
        Goal(f"{what}: streams are empty", str(length), length == 0),
        Goal(f"{what}: one worker is one consumer", str(consumers), consumers == 1),
        Goal(f"{what}: Redis is back within 1 MB", f"{grown:+.2f} MB", grown <= 1.0),
        Goal(f"{what}: the warm worker grew by 5 % at most", f"{drift:+.1%} to {sizes[-1]:.1f} MB", drift <= 0.05),
    ]


async def sequences(count: int) -> list[Goal]:
    """Q17: hold random sequences of steps on both stores against a model."""
    what = f"Q17 {count:,} random sequences leave SQLite and Redis in the state of the model"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "packages/nestpy-queue/tests/test_model.py"),
        cwd=BENCHMARKS.parent,
        env={**os.environ, "MODEL_SEQUENCES": str(count)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        say("\n".join(output.decode().splitlines()[-30:]))
    return [Goal(what, "yes" if process.returncode == 0 else "no", process.returncode == 0)]


async def _flow(queue: Queue[Work], admin: QueueAdmin, jobs: int) -> None:
    for first in range(0, jobs, 500):
        await queue.enqueue_many([Work(number) for number in range(first, min(first + 500, jobs))])
        while (await admin.counts("work")).waiting > 5000:  # noqa: ASYNC110  # only the store knows
            await asyncio.sleep(0.02)
    await admin.drained("work", 600.0)


async def lags(seconds: float, count: int, directory: Path) -> list[Goal]:
    """S7: let many schedules be due in the same moment, and end the process in the midst of one."""
    lines = Lines(directory / "lags")
    with RedisProcess() as redis, ForkServer(_SCHEDULER) as server:
        one = server.fork(redis.url, str(lines.path), str(count), "*/5 * * * * *")
        while len(lines.path.read_text().splitlines()) < count:  # noqa: ASYNC110  # it has begun
            await asyncio.sleep(0.1)
        begin = time.time()
        await asyncio.sleep(seconds)
        await asyncio.sleep(5.05 - time.time() % 5)
        code = await asyncio.to_thread(one.terminate)
        claimed = await schedulers.claims(redis.url)
    ran: dict[int, list[float]] = {}
    words = [line.split() for line in lines.path.read_text().splitlines()]
    for _, due, _, late, _ in words:
        ran.setdefault(int(due), []).append(float(late))
    whole = [late for due, late in ran.items() if due > begin and len(late) == count]
    lost = claimed - {(name, int(due)) for name, due, *_ in words}
    return [*judge_lags(whole, count, lost), Goal("S7 and the process ends with 0", str(code), code == 0)]


def judge_lags(late: Sequence[Sequence[float]], count: int, lost: Collection[tuple[str, int]]) -> list[Goal]:
    """Hold the lateness of each start, by the time that it was due, against S7."""
    p99 = [sorted(each)[int(len(each) * 0.99)] for each in late]
    what = f"S7 {count:,} schedules due at once"
    shown = f"{1000 * median(p99):.0f} ms, {1000 * max(p99):.0f} at most" if p99 else "they never ran"
    return [
        Goal(
            f"{what}: 99 of 100 start within 200 ms, median of {len(p99)} times",
            shown,
            bool(p99) and median(p99) <= 0.2,
        ),
        Goal(f"{what}: SIGTERM in their midst loses none that was claimed", str(len(lost)), not lost),
    ]


async def steps(seconds: float, directory: Path) -> list[Goal]:
    """S4: set the clock of a scheduler an hour on and back again."""
    if _LIBRARY is None:
        return [
            Goal("S4 a clock that is set by an hour", "libfaketime is missing: apt-get install faketime", met=False)
        ]
    lines = Lines(directory / "steps")
    offset = directory / "offset"
    offset.write_text("+0")
    environ = {
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    stepped = []
    with ForkServer(_STEPPER, environ=environ) as server:
        one = server.fork(str(lines.path))
        while not lines.of("5"):  # noqa: ASYNC110  # it has begun
            await asyncio.sleep(0.1)
        for hour in ("+1h", "+0"):
            stepped.append(time.monotonic())
            offset.write_text(hour)
            say(f"S4  the clock is at {hour}")
            await asyncio.sleep(seconds)
        await asyncio.to_thread(one.terminate)
    ran = {period: [float(words[1]) for words in lines.of(f"{period}")] for period in (1, 5, 60)}
    return judge_steps(ran, stepped, time.monotonic())


def judge_steps(ran: Mapping[int, Sequence[float]], stepped: Sequence[float], end: float) -> list[Goal]:
    """Hold the times, on a clock that nobody sets, at which schedules of each period ran against S4."""
    window = 3.0
    burst = [
        sum(at <= one <= at + window for one in times) - window / period
        for period, times in ran.items()
        for at in stepped
    ]
    gaps = {
        period: max((later - earlier for earlier, later in itertools.pairwise([*times, end])), default=end)
        for period, times in ran.items()
    }
    what = "S4 a clock that is set an hour on and back"
    return [
        Goal(f"{what}: one run more at the most", f"{max(burst):+.1f} in {window:g} s", max(burst) < 2),
        Goal(
            f"{what}: no schedule is silent for longer than its period and the grace",
            ", ".join(f"{gap:.1f} s of {period} s" for period, gap in gaps.items()),
            all(gap <= period + _GRACE for period, gap in gaps.items()),
        ),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the tier that is named first; print one line per goal, exit with 1 when one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tier", choices=TIERS)
    parser.add_argument("--only", "--goals", dest="only", default="", help="which of the tier, for instance Q2,Q3")
    parser.add_argument("--jobs", type=int, default=100_000, help="of Q1")
    parser.add_argument("--kills", type=int, default=1000, help="of Q1")
    parser.add_argument("--trials", type=int, default=50, help="killed workers of Q2")
    parser.add_argument("--busy", type=int, default=20, help="jobs of each kind in Q3")
    parser.add_argument("--restarts", type=int, default=50, help="of Q4, under 400 jobs each")
    parser.add_argument("--outage", type=float, default=10.0, help="seconds of each fault in Q5")
    parser.add_argument("--failovers", type=int, default=10, help="of Q6, under 400 jobs each")
    parser.add_argument("--rounds", type=int, default=5, help="of the tests of Q7")
    parser.add_argument("--poison", type=int, default=10, help="jobs that kill in Q8, each among 1,000")
    parser.add_argument("--stops", type=int, default=50, help="of workers in Q9, under 1,010 jobs each")
    parser.add_argument("--sends", type=int, default=100, help="of each key in Q12")
    parser.add_argument("--million", type=int, default=1_000_000, help="jobs of Q15")
    parser.add_argument("--sequences", type=int, default=2000, help="of Q17")
    parser.add_argument("--seconds", type=float, default=60.0, help="of S1")
    parser.add_argument("--stills", type=int, default=20, help="times that a scheduler stands still in S2")
    parser.add_argument("--zones", type=int, default=1000, help="of S3 at the most; there are about 600")
    parser.add_argument("--expressions", type=int, default=200, help="of each clock in S3")
    parser.add_argument("--misfires", type=int, default=300, help="schedules of each policy in S5")
    parser.add_argument("--deaths", type=int, default=10, help="of schedulers in S6")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        runs = {
            name: run
            for name, run in _runs(options, Path(place)).items()
            if name[0] == {"queue": "Q", "schedule": "S"}[options.tier]
        }
        chosen = options.only.split(",") if options.only else list(runs)
        if unknown := [name for name in chosen if name not in runs]:
            parser.error(f"{', '.join(unknown)} is no goal of `{options.tier}`: there are {', '.join(runs)}")
        goals: list[Goal] = []
        for name in chosen:
            found = asyncio.run(runs[name]())
            print("\n".join(map(str, found)), flush=True)
            goals += found
    return 0 if all(goal.met for goal in goals) else 1


def _runs(options: argparse.Namespace, directory: Path) -> dict[str, Callable[[], Any]]:
    return {
        "Q1": lambda: kills(options.jobs, options.kills, directory),
        "Q2": lambda: dying.quiet(options.trials, directory),
        "Q3": lambda: dying.busy(options.busy, directory),
        "Q4": lambda: restarts(options.restarts * 400, options.restarts, directory),
        "Q5": lambda: outages.hangs(options.outage, directory),
        "Q6": lambda: outages.failovers(options.failovers, 400, directory),
        "Q7": lambda: defects.defects(options.rounds),
        "Q8": lambda: dying.poison(options.poison, 1000, directory),
        "Q9": lambda: dying.stops(options.stops, 1010, directory),
        "Q12": lambda: keys(8, 1000, options.sends, directory),
        "Q15": lambda: remains(options.million, directory),
        "Q17": lambda: sequences(options.sequences),
        "S1": lambda: schedulers.killed(options.seconds, 5, 60, directory),
        "S2": lambda: schedulers.stills(options.stills, 60, directory),
        "S3": lambda: calendars.zones(options.expressions, options.zones),
        "S4": lambda: steps(75.0, directory),
        "S5": lambda: schedulers.misfires(options.misfires),
        "S6": lambda: schedulers.overlaps(options.deaths, 5, directory),
        "S7": lambda: lags(20.0, 1000, directory),
    }

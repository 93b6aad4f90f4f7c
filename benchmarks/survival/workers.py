"""Workers that are killed, busy, poisoned or told to stop: Q2, Q3, Q8 and Q9."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cases.queue_worker import Work
from harness.goals import Goal
from harness.session import say

from nestpy_testing import Fork, RedisProcess

from .producing import Bench, bench, until

_LEASE = 1.0
_GRACE = 30.0
"""Seconds that the default `app.shutdown_timeout` gives what runs."""


async def quiet(trials: int, directory: Path) -> list[Goal]:
    """Q2: kill the worker of the only job there is, again and again."""
    took: list[float] = []
    with RedisProcess() as redis:
        async with bench(directory / "quiet", url=redis.url, lease=_LEASE, timeout=5.0) as found:
            workers = found.fork(2)
            for trial in range(trials):
                await _present(found, 2)
                took.append(await _taken_over(found, workers, trial))
                say(f"Q2  trial {trial + 1} of {trials}: again after {took[-1]:.2f} s")
    return judge_quiet(took)


async def _present(found: Bench, count: int) -> None:
    while (await found.admin.counts("work")).workers != count:  # noqa: ASYNC110  # only the store knows
        await asyncio.sleep(0.02)


async def _taken_over(found: Bench, workers: Sequence[Fork], number: int) -> float:
    job = await found.queue.enqueue(Work(number, 600.0, "wait"))

    def starts() -> list[list[str]]:
        return [words for words in found.lines.of("start")[-4:] if words[1] == job.id]

    await until(lambda: len(starts()) == 1)
    victim = next(worker for worker in workers if worker.pid == int(starts()[0][3]))
    killed = time.time()
    await asyncio.to_thread(victim.kill)
    await until(lambda: len(starts()) == 2)
    victim.start()
    return float(starts()[1][4]) - killed


def judge_quiet(took: Sequence[float]) -> list[Goal]:
    """Hold the seconds between each death and the next start against Q2."""
    p99 = sorted(took)[int(len(took) * 0.99)] if took else float("inf")
    name = f"Q2 {len(took)} killed workers of a quiet queue: the job starts again within two leases of {_LEASE:g} s"
    return [Goal(name, f"{p99:.2f} s in 99 of 100", p99 <= 2 * _LEASE)]


async def busy(jobs: int, directory: Path) -> list[Goal]:
    """Q3: wait ten leases, block the loop for three, keep the interpreter's lock for three."""
    goals = []
    for kind, leases, what in (
        ("wait", 10, "that wait ten leases start once"),
        ("block", 3, "that block the loop for three leases start once"),
        ("hold", 3, "that keep the interpreter's lock for three leases count once"),
    ):
        say(f"Q3  {jobs} jobs {what} …")
        with RedisProcess() as redis:
            async with bench(directory / kind, url=redis.url, lease=_LEASE, timeout=5.0) as found:
                found.fork(2, concurrency=10 if kind == "wait" else 1)
                some = 10 if kind == "wait" else 1
                for first in range(0, jobs, some):
                    chosen = range(first, min(first + some, jobs))
                    await found.queue.enqueue_many([Work(number, leases * _LEASE, kind) for number in chosen])
                    await found.admin.drained("work", 120.0)
                    await until(lambda: len(found.lines.of("start")) == len(found.lines.of("end")))
                counts, starts = await found.admin.counts("work"), len(found.lines.of("start"))
        goals.append(judge_busy(f"Q3 {jobs} jobs {what}", kind, jobs, starts, counts.done))
    return goals


def judge_busy(name: str, kind: str, jobs: int, starts: int, done: int) -> Goal:
    """Hold starts and counted ends against Q3: a job that hides its worker's life may start again, but counts once."""
    met = done == jobs and (kind == "hold" or starts == jobs)
    return Goal(name, f"{starts} starts, {done} ends counted", met)


async def poison(rounds: int, jobs: int, directory: Path) -> list[Goal]:
    """Q8: let one job of a thousand kill its worker, round after round; who dies is started anew."""
    deaths = dead = done = strange = 0
    with RedisProcess() as redis:
        async with bench(directory / "poison", url=redis.url, lease=_LEASE, timeout=5.0) as found:
            workers = found.fork(4, max_deaths=3)
            before = sum(worker.starts for worker in workers)
            for number in range(rounds):
                bad = await found.queue.enqueue(Work(0, kind="die"))
                await found.queue.enqueue_many([Work(one, 0.01) for one in range(1, jobs + 1)])
                while not await found.admin.drained("work", 0.05):
                    for worker in workers:
                        if not worker.running:
                            worker.start()
                letters = [one.id for one in await found.admin.dead("work")]
                dead, done = len(letters), (await found.admin.counts("work")).done
                strange += bad.id not in letters
                say(f"Q8  round {number + 1} of {rounds}: {dead} dead, {done:,} done")
            for worker in workers:
                if not worker.running:
                    worker.start()
            deaths = sum(worker.starts for worker in workers) - before
    what = f"Q8 {rounds} jobs that kill their worker among {rounds * jobs:,}"
    return [
        Goal(f"{what}: each is a dead letter", f"{dead} dead, {strange} missing", dead == rounds and not strange),
        Goal(f"{what}: the others finish", f"{done:,} done", done == rounds * jobs),
        Goal(f"{what}: three deaths each at the most", f"{deaths} deaths", deaths <= 3 * rounds),
    ]


async def stops(rounds: int, jobs: int, directory: Path) -> list[Goal]:
    """Q9: end one of two workers by SIGTERM in the midst of many jobs."""
    seen: list[Stop] = []
    for number in range(rounds):
        with RedisProcess() as redis:
            async with bench(directory / f"stop-{number}", url=redis.url, lease=60.0, timeout=5.0) as found:
                seen.append(await _stop(found, jobs))
        one = seen[-1]
        say(f"Q9  round {number + 1} of {rounds}: exit after {one.exit:.2f} s, last start after {one.last:.3f} s")
    return judge_stops(seen, jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One SIGTERM.

    Attributes:
        last: seconds until the worker started its last job; negative when before the signal.
        pause: the longest that the other worker then had nothing to start.
        exit: seconds until the process ended.
        code: what it ended with.
        stranded: jobs that nobody had ended long before the lease would be over.
        again: starts beyond one of each job.
    """

    last: float
    pause: float
    exit: float
    code: int
    stranded: int = 0
    again: int = 0


async def _stop(found: Bench, jobs: int) -> Stop:
    victim, other = found.fork(2)
    await _present(found, 2)
    await found.queue.enqueue_many([Work(number, 0.1, "wait") for number in range(jobs)])
    await until(lambda: len({words[3] for words in found.lines.of("start")}) == 2)
    begin = time.time()
    code = await asyncio.to_thread(victim.terminate, _GRACE + 10)
    ended = time.time() - begin
    await found.admin.drained("work", 40.0)
    counts = await found.admin.counts("work")
    starts = [(int(words[3]), float(words[4])) for words in found.lines.of("start")]
    last = max(at for pid, at in starts if pid == victim.pid) - begin
    elsewhere = sorted(at for pid, at in starts if pid == other.pid and at > begin)
    pause = max((later - earlier for earlier, later in itertools.pairwise([begin, *elsewhere])), default=float("inf"))
    other.send(signal.SIGTERM)
    stranded, again = jobs - counts.done, len(starts) - jobs
    return Stop(last=last, pause=pause, exit=ended, code=code, stranded=stranded, again=again)


def judge_stops(seen: Sequence[Stop], jobs: int) -> list[Goal]:
    """Hold what followed each SIGTERM against Q9."""
    what = f"Q9 {len(seen)} times SIGTERM to one of two workers of {jobs:,} jobs"
    last, pause, ended = (max(getattr(one, name) for one in seen) for name in ("last", "pause", "exit"))
    stranded, again = sum(one.stranded for one in seen), sum(one.again for one in seen)
    return [
        Goal(f"{what}: nothing starts later than 100 ms", f"{1000 * max(0.0, last):.0f} ms at most", last <= 0.1),
        Goal(f"{what}: none is stranded or starts twice", f"{stranded} and {again}", stranded == again == 0),
        Goal(f"{what}: others start what was not started within 1 s", f"{pause:.2f} s at most", pause <= 1.0),
        Goal(f"{what}: the process ends within its grace and 1 s", f"{ended:.2f} s at most", ended <= _GRACE + 1),
        Goal(f"{what}: and with 0", str({one.code for one in seen}), all(one.code == 0 for one in seen)),
    ]

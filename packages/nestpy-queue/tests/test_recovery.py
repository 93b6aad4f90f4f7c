"""Killed, hung and stopped workers, as real processes: nothing is lost, nothing counts twice."""

import asyncio
import random
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nestpy_core import injectable
from nestpy_queue import Queue, QueueAdmin, QueueModule

from .fork_workers import ForkedWorkers
from .working import admin_of, until, working

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


class Work(msgspec.Struct):
    number: int
    kind: str = "sleep"
    seconds: float = 0.0


@injectable
class Producer:
    work: Queue[Work]


FEATURE = (QueueModule.for_feature({Work: "work"}),)


async def drained(admin: QueueAdmin, seconds: float = 60.0) -> None:
    assert await admin.drained("work", seconds), await admin.counts("work")


async def test_kills_of_workers_lose_no_job_and_count_none_twice(
    shared_settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**shared_settings, "lease": 1.0}
    jobs, kills = 1500, 30
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        with ForkedWorkers(settings, tmp_path / "history") as workers:
            workers.start(4)
            enqueued = await queue.enqueue_many([Work(number) for number in range(jobs)])
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.005, 0.06))
                workers.kill()
                workers.start()
            await drained(admin)
            starts = workers.starts()
            counts = await admin.counts("work")
            assert (counts.done, counts.dead) == (jobs, 0)
            assert starts.keys() == {job.id for job in enqueued}
            assert sum(starts.values()) - jobs <= kills * 10
            deliveries = [tuple(line.split()[1:3]) for line in workers.lines("start")]
            assert len(set(deliveries)) == len(deliveries), "two starts of one job had one fencing token"


async def test_a_killed_workers_job_runs_again_on_a_quiet_queue(
    shared_settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**shared_settings, "lease": 1.0}
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue = (await context.get(Producer)).work
        with ForkedWorkers(settings, tmp_path / "history") as workers:
            (first,) = workers.start()
            job = await queue.enqueue(Work(1, seconds=1.5))
            await until(lambda: workers.lines("start"))
            workers.start()
            workers.kill(first)
            killed = time.monotonic()
            await until(lambda: len(workers.lines("start")) == 2)
            assert time.monotonic() - killed < 2 * settings["lease"] + 3
            await job.result()


@pytest.mark.parametrize("kind", ["sleep", "block"])
async def test_a_job_far_longer_than_the_lease_starts_once_even_when_it_blocks_the_loop(
    shared_settings: dict[str, Any], tmp_path: Path, kind: str
) -> None:
    settings = {**shared_settings, "lease": 0.6}
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue = (await context.get(Producer)).work
        with ForkedWorkers(settings, tmp_path / "history") as workers:
            workers.start(2)
            job = await queue.enqueue(Work(1, kind, 3.0))
            await job.result()
            assert list(workers.starts().values()) == [1]


async def test_a_worker_that_was_paused_beyond_its_lease_ends_nothing_that_others_own(
    shared_settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**shared_settings, "lease": 0.6}
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        with ForkedWorkers(settings, tmp_path / "history") as workers:
            (paused,) = workers.start()
            job = await queue.enqueue(Work(1, seconds=0.5))
            await until(lambda: workers.lines("start"))
            paused.send(signal.SIGSTOP)
            workers.start()
            await until(lambda: len(workers.lines("start")) == 2)
            paused.send(signal.SIGCONT)
            await job.result()
            await until(lambda: len(workers.lines("end")) == 2)
            await until(lambda: "belongs to another worker by now" in workers.log())
            assert (await admin.counts("work")).done == 1


async def test_a_job_that_kills_its_worker_is_dead_after_three_deaths_and_the_others_finish(
    shared_settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**shared_settings, "lease": 0.6}
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        with ForkedWorkers({**settings, "max_deaths": 3}, tmp_path / "history") as workers:
            poison = await queue.enqueue(Work(0, "die"))
            good = await queue.enqueue_many([Work(number) for number in range(1, 200)])
            workers.start(4)
            await drained(admin)
            found = await poison.status()
            assert found is not None
            assert (found.state, found.deaths, found.reason) == ("dead", 3, "its worker died 3 times")
            assert workers.starts()[poison.id] == 3
            assert [one.id for one in await admin.dead("work")] == [poison.id]
            assert (await admin.counts("work")).done == len(good)


async def test_sigterm_finishes_what_runs_strands_nothing_and_exits_with_0(
    shared_settings: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**shared_settings, "lease": 30.0}
    async with working(Producer, settings=settings, imports=FEATURE, serve=False) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        with ForkedWorkers(settings, tmp_path / "history") as workers:
            workers.start()
            await queue.enqueue_many([Work(number, seconds=0.3) for number in range(30)])
            await until(lambda: len(workers.lines("start")) >= 10)
            codes = await asyncio.to_thread(workers.drain)
            assert codes == [0]
            assert len(workers.lines("start")) == len(workers.lines("end"))
            counts = await admin.counts("work")
            assert (counts.running, counts.waiting, counts.workers) == (0, 30 - counts.done, 0)
        with ForkedWorkers(settings, tmp_path / "second") as workers:
            workers.start()
            await drained(admin)
            assert max(workers.starts().values()) == 1

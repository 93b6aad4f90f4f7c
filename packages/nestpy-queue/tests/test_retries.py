"""When failed jobs come again, how far apart, and over a restart."""

import asyncio
import random
import time
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies

from nestpy_core import injectable
from nestpy_queue import Backoff, Queue, process, processor
from nestpy_queue._envelope import seal_of
from nestpy_queue._lane import Consumer, Lane, Ways
from nestpy_queue._processor import ProcessorMarker
from nestpy_queue._sqlite import SqliteStore

from .working import admin_of, until_state, working

pytestmark = pytest.mark.anyio


class Try(msgspec.Struct):
    number: int


@injectable
class Producer:
    tries: Queue[Try]


def lane(backoff: Backoff) -> Lane:
    marker = ProcessorMarker(
        queue="tries", concurrency=1, retries=3, backoff=backoff, timeout=None, max_deaths=3, rate=None
    )
    ways = Ways(
        store=SqliteStore(":memory:"),
        worker="tester",
        seal=seal_of([]),
        restore=lambda carried: carried,
        lease=1.0,
        keep=1.0,
        deploy_window=1.0,
    )
    return Lane(Consumer(processor=marker, functions={}), ways)


@given(
    base=strategies.floats(0.001, 1000),
    cap=strategies.floats(0.001, 100_000),
    failures=strategies.integers(1, 10_000),
)
def test_a_retry_waits_between_nothing_and_the_doubled_base_up_to_the_cap(
    base: float, cap: float, failures: int
) -> None:
    most = min(cap, base * 2.0 ** min(failures - 1, 64))
    assert 0 <= lane(Backoff(base=base, cap=cap))._delay(ValueError(), failures) <= most
    assert lane(Backoff(base=base, cap=cap, jitter=False))._delay(ValueError(), failures) == most


def test_ten_thousand_jobs_that_fail_together_do_not_come_back_together() -> None:
    random.seed(7)
    failing = lane(Backoff(base=10.0))
    seconds = Counter(int(failing._delay(ValueError(), 1)) for _ in range(10_000))
    assert set(seconds) == set(range(10))
    assert max(seconds.values()) <= 1500


async def test_a_retry_comes_when_it_is_due_also_after_a_restart(shared_settings: dict[str, Any]) -> None:
    attempts: list[float] = []

    @processor("tries", retries=3, backoff=Backoff(base=1.0, jitter=False))
    class Tries:
        @process()
        async def fail_once(self, job: Try) -> int:
            attempts.append(time.monotonic())
            if len(attempts) == 1:
                raise ValueError
            return len(attempts)

    async with working(Tries, Producer, settings=shared_settings) as context:
        queue = (await context.get(Producer)).tries
        job = await queue.enqueue(Try(1))
        await until_state(job.status, "delayed")
    async with working(Tries, Producer, settings=shared_settings) as context:
        queue = (await context.get(Producer)).tries
        found = await until_state(lambda: queue.find(job.id), "done")
        assert (found.failures, found.result) == (1, 2)
    assert 1.0 <= attempts[1] - attempts[0] < 6.0


async def test_many_producers_that_send_the_same_keys_at_once_make_one_job_of_each(
    shared_settings: dict[str, Any],
) -> None:
    from .test_recovery import FEATURE, Producer as Sender, Work

    async def send() -> None:
        async with working(Sender, settings=shared_settings, imports=FEATURE, serve=False) as context:
            queue = (await context.get(Sender)).work
            for _ in range(5):
                await asyncio.gather(*(queue.enqueue(Work(number), key=f"work-{number}") for number in range(20)))

    await asyncio.gather(*(send() for _ in range(8)))
    async with working(Sender, settings=shared_settings, imports=FEATURE, serve=False) as context:
        assert (await (await admin_of(context)).counts("work")).waiting == 20


async def test_a_job_that_awaits_a_task_it_cancelled_has_failed_and_is_not_run_for_ever(
    shared_settings: dict[str, Any],
) -> None:
    runs: list[int] = []

    @processor("tries", retries=1, backoff=0.01)
    class Tries:
        @process()
        async def attempt(self, job: Try) -> None:
            runs.append(job.number)
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task

    async with working(Tries, Producer, settings=shared_settings) as context:
        job = await (await context.get(Producer)).tries.enqueue(Try(1))
        found = await until_state(job.status, "dead")
    assert str(found.reason).startswith("StrayCancellationError: A task was awaited that somebody had cancelled")
    assert runs == [1, 1]

"""Taskiq's own API on these stores, through taskiq's own receiver loop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from taskiq import AckableMessage, AsyncBroker, SmartRetryMiddleware
from taskiq_redis import RedisAsyncResultBackend

from nestpy_queue import TaskiqBroker, TaskiqReceiver
from nestpy_queue._redis import RedisStore
from nestpy_queue._sqlite import SqliteStore
from nestpy_queue._store import JobStore, Submission

from .working import until, until_state

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

MakeStore = Callable[[], JobStore]


@pytest.fixture
def make_store(shared_settings: dict[str, Any]) -> MakeStore:
    """Open the same queue several times, as several processes do."""
    if "path" in shared_settings:
        return lambda: SqliteStore(shared_settings["path"], synchronous="NORMAL")
    return lambda: RedisStore(shared_settings["url"], durability="off", timeout=5.0)


@contextlib.asynccontextmanager
async def listening(broker: AsyncBroker) -> AsyncIterator[None]:
    broker.is_worker_process = True
    await broker.startup()
    finish = asyncio.Event()
    receiver = TaskiqReceiver(broker, max_async_tasks=10, run_startup=False)
    task = asyncio.create_task(receiver.listen(finish))
    try:
        yield
    finally:
        finish.set()
        await asyncio.wait_for(task, 20)
        await broker.shutdown()


async def test_tasks_sent_before_the_first_worker_run_and_leave_nothing_behind(make_store: MakeStore) -> None:
    broker = TaskiqBroker(make_store())
    ran: list[int] = []

    @broker.task("double")
    async def double(number: int) -> int:
        ran.append(number)
        return number * 2

    producer = TaskiqBroker(make_store())
    await producer.startup()
    for number in range(10):
        await double.kicker().with_broker(producer).kiq(number)
    async with listening(broker):
        await until(lambda: len(ran) == 10)
        while (await producer.store.counts("taskiq")).running:
            await asyncio.sleep(0.01)
    counts = await producer.store.counts("taskiq")
    assert (counts.waiting, counts.done, counts.workers) == (0, 10, 0)
    await producer.shutdown()


async def test_results_are_kept_where_taskiq_redis_keeps_them(make_store: MakeStore, redis_url: str) -> None:
    results: RedisAsyncResultBackend[int] = RedisAsyncResultBackend(redis_url, result_ex_time=60)
    broker = TaskiqBroker(make_store()).with_result_backend(results)

    @broker.task("triple")
    async def triple(number: int) -> int:
        return number * 3

    async with listening(broker):
        task = await triple.kiq(14)
        result = await task.wait_result(timeout=20)
    assert (result.is_err, result.return_value) == (False, 42)


async def test_retry_delays_are_kept(make_store: MakeStore) -> None:
    broker = TaskiqBroker(make_store())
    broker.add_middlewares(SmartRetryMiddleware(default_retry_count=2, default_delay=0.5, use_jitter=False))
    times: list[float] = []

    @broker.task("flaky", retry_on_error=True)
    async def flaky() -> None:
        times.append(time.monotonic())
        if len(times) < 2:
            raise ValueError("once")

    async with listening(broker):
        await flaky.kiq()
        await until(lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.4


async def test_what_no_worker_knows_waits_and_what_nobody_can_read_is_dead(make_store: MakeStore) -> None:
    broker = TaskiqBroker(make_store())
    other = TaskiqBroker(make_store())

    @other.task("new")
    async def new() -> None: ...

    await other.startup()
    async with listening(broker):
        task = await new.kiq()
        await other.store.submit("taskiq", [Submission("garbage", b"\x80garbage")])
        found = await until_state(lambda: other.store.find("taskiq", task.task_id), "delayed")
        assert found.failures == 0
        dead = await until_state(lambda: other.store.find("taskiq", "garbage"), "dead")
        assert dead.reason.startswith("undecodable: ")
    await other.shutdown()


async def test_a_dead_workers_message_is_taken_over_on_a_quiet_queue(make_store: MakeStore) -> None:
    dead = TaskiqBroker(make_store(), lease=0.3)
    dead.is_worker_process = True
    await dead.startup()
    await dead.store.submit("taskiq", [Submission("left", b"{}")])
    messages = dead.listen()
    message = await anext(messages)
    assert isinstance(message, AckableMessage)
    assert dead._heart is not None  # the worker dies: its heart stops, nothing is released
    dead._heart.stop()
    alive = TaskiqBroker(make_store(), lease=0.3)
    alive.is_worker_process = True
    await alive.startup()
    taken = alive.listen()
    second = await asyncio.wait_for(anext(taken), 20)
    assert second.data == message.data  # type: ignore[union-attr]  # both are ackable
    await messages.aclose()
    await taken.aclose()
    await alive.shutdown()
    await dead.shutdown()

"""Redis goes away, restarts, hangs and lies in half sentences; the workers' processes go on."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis.asyncio as redis
from redis.asyncio.connection import AbstractConnection

from nestpy_core import ConfigurationError, injectable
from nestpy_queue import Queue, StoreUnavailableError, process, processor
from nestpy_queue._redis import RedisStore
from nestpy_testing import FaultProxy, LogCapture, RedisProcess

from .working import admin_of, app_of, until, working

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(90)]


class Work(msgspec.Struct):
    number: int
    seconds: float = 0.0


@injectable
class Producer:
    work: Queue[Work]


def worker(**options: Any) -> tuple[type, list[int], list[int]]:
    started: list[int] = []
    ended: list[int] = []

    @processor("work", **{"concurrency": 5, "retries": 3, "backoff": 0.05, **options})
    class Worker:
        @process()
        async def work(self, job: Work) -> None:
            started.append(job.number)
            await asyncio.sleep(job.seconds)
            ended.append(job.number)

    return Worker, started, ended


async def enqueue(queue: Queue[Work], work: Work) -> bool:
    try:
        await queue.enqueue(work, key=f"work-{work.number}")
    except StoreUnavailableError:
        return False
    return True


@pytest.mark.parametrize("kind", ["restart", "kill"])
async def test_redis_restarts_cost_no_job_and_no_running_handler(private_redis: RedisProcess, kind: str) -> None:
    host, started, ended = worker()
    settings = {"url": private_redis.url, "durability": "off", "lease": 5.0, "timeout": 5.0}
    async with working(host, Producer, settings=settings) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        await queue.enqueue(Work(-1, seconds=2.0))
        await until(lambda: started == [-1])
        taken: set[int] = set()
        for round_number in range(4):
            for number in range(round_number * 50, round_number * 50 + 50):
                while number not in taken:
                    if await enqueue(queue, Work(number)):
                        taken.add(number)
                if number % 50 == 25:
                    if kind == "kill":
                        await asyncio.to_thread(private_redis.kill)
                        await asyncio.to_thread(private_redis.start)
                    else:
                        await asyncio.to_thread(private_redis.restart)
        back = time.monotonic()
        await until(lambda: set(ended) >= {-1, *taken}, seconds=40)
        assert time.monotonic() - back < 30
        assert started.count(-1) == ended.count(-1) == 1
        assert await admin.drained("work", 20)
        assert (await admin.counts("work")).dead == 0


async def test_a_hung_redis_fails_an_enqueue_in_time_and_loses_nothing(private_redis: RedisProcess) -> None:
    host, _, ended = worker()
    settings = {"url": private_redis.url, "durability": "off", "lease": 2.0, "timeout": 2.0}
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).work
        await queue.enqueue_many([Work(number) for number in range(20)])
        private_redis.pause()
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"^Redis does not answer \(\w+\)$"):
            await queue.enqueue(Work(100))
        assert time.monotonic() - began < 10
        await asyncio.sleep(1.0)
        private_redis.resume()
        await queue.enqueue(Work(101))
        await until(lambda: {*range(20), 101} <= set(ended))


async def test_an_enqueue_behind_one_that_hangs_fails_in_the_same_time_and_is_not_sent_later(
    private_redis: RedisProcess,
) -> None:
    host, started, _ = worker()
    settings = {"url": private_redis.url, "durability": "off", "lease": 30.0, "timeout": 5.0}
    async with working(host, Producer, settings=settings) as context:
        queue = (await context.get(Producer)).work
        private_redis.pause()
        first = asyncio.create_task(enqueue(queue, Work(1)))
        await asyncio.sleep(2.5)
        given_up = asyncio.create_task(enqueue(queue, Work(2)))
        began = time.monotonic()
        behind = asyncio.create_task(enqueue(queue, Work(3)))
        await asyncio.sleep(0)
        given_up.cancel()
        assert [await first, await behind] == [False, False]
        assert time.monotonic() - began < 7.2
        private_redis.resume()
        while not await enqueue(queue, Work(4)):
            await asyncio.sleep(0.05)
        await until(lambda: 4 in started)
        assert 2 not in started


@pytest.mark.parametrize("fault", ["black_hole", "cut_replies", "refuse"])
async def test_a_link_that_fails_loses_nothing(
    private_redis: RedisProcess, fault_proxy: Callable[[str], FaultProxy], fault: str
) -> None:
    host, _, ended = worker()
    proxy = fault_proxy(private_redis.url)
    settings = {"url": proxy.url, "durability": "off", "lease": 1.5, "timeout": 5.0}
    async with working(host, Producer, settings=settings) as context:
        queue, admin = (await context.get(Producer)).work, await admin_of(context)
        await queue.enqueue_many([Work(number, seconds=0.02) for number in range(100)])
        await until(lambda: len(ended) >= 10)
        if fault == "black_hole":
            proxy.black_hole()
        elif fault == "refuse":
            proxy.refuse()
            proxy.cut()
        else:
            for _ in range(10):
                proxy.cut_after(40)
                await asyncio.sleep(0.1)
        await asyncio.sleep(2.5)
        proxy.heal()
        await until(lambda: set(range(100)) <= set(ended), seconds=40)
        assert await admin.drained("work", 30)
        counts = await admin.counts("work")
        assert (counts.done, counts.dead) == (100, 0)


@pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
async def test_a_connection_that_is_reset_right_before_a_command_is_a_store_that_is_away(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, uvloop: bool
) -> None:
    resets = [1, 1]

    async def reset(self: AbstractConnection) -> None:
        if resets and self._writer is not None:
            resets.pop()
            self._writer.transport.abort()
            await asyncio.sleep(0.05)

    store = RedisStore(redis_url, durability="off", timeout=5.0)
    await store.open()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(AbstractConnection, "check_health", reset)
            with pytest.raises(StoreUnavailableError, match=r"^Redis does not answer \(Connection\w*Error\)$"):
                while True:
                    await store.counts("work")
        assert (await store.counts("work")).waiting == 0
    finally:
        await store.close()


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run on uvloop where the test asks for it."""
    named = getattr(request.node, "callspec", None)
    return "asyncio", {"use_uvloop": bool(named and named.params.get("uvloop"))}


async def test_no_redis_at_the_start_is_said_with_its_setting(unused_port: int) -> None:
    host, _, _ = worker()
    app = app_of(host, settings={"url": f"redis://:hunter2@127.0.0.1:{unused_port}", "timeout": 0.5})
    began = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        async with app.create_context():
            pass
    assert time.monotonic() - began < 10
    assert "`queue.url`" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_what_redis_cannot_promise_is_said_at_the_start_or_refused(
    private_redis: RedisProcess, log_capture: LogCapture
) -> None:
    host, _, _ = worker()
    strict = {"url": private_redis.url, "durability": "strict", "timeout": 5.0}
    with RedisProcess(aof=None, config={"maxmemory-policy": "allkeys-lru"}) as forgetful:
        async with app_of(host, settings={"url": forgetful.url, "timeout": 5.0}).create_context():
            said = log_capture.expect_one(level="warning", logger="nestpy.queue").event
            assert "`appendonly` is off" in said
            assert "`maxmemory-policy` is `allkeys-lru`" in said
        with pytest.raises(
            ConfigurationError, match=r"Setting `queue.durability` is `strict`, and this Redis can lose"
        ):
            async with app_of(host, settings={**strict, "url": forgetful.url}).create_context():
                pass
    async with app_of(host, settings=strict).create_context() as context:
        assert (await admin_of(context)).store.durability == "a power loss can cost one second"
    with pytest.raises(ConfigurationError, match=r"`queue\.wait_replicas` is 1 and 0 replicas are connected"):
        async with app_of(host, settings={**strict, "wait_replicas": 1}).create_context():
            pass


async def test_after_many_jobs_redis_holds_no_entry_and_no_dead_consumer(private_redis: RedisProcess) -> None:
    host, _, ended = worker(concurrency=50)
    settings = {"url": private_redis.url, "durability": "off", "lease": 1.0, "timeout": 5.0}
    for _ in range(3):
        async with working(host, Producer, settings=settings) as context:
            queue, admin = (await context.get(Producer)).work, await admin_of(context)
            ended.clear()
            await queue.enqueue_many([Work(number) for number in range(500)])
            await until(lambda: len(ended) == 500)
            assert await admin.drained("work", 10)
            client = admin.store._client  # what Redis itself holds
            assert await client.xlen("nestpy:{work}:stream:1") == 0
            assert len(await client.xinfo_consumers("nestpy:{work}:stream:1", "workers")) == 1


async def test_an_outage_longer_than_the_lease_takes_no_job_from_a_worker_that_lives(
    private_redis: RedisProcess, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    started: list[int] = []
    done = asyncio.Event()

    @processor("work")
    class Slow:
        @process()
        async def work(self, job: Work) -> None:
            started.append(job.number)
            await done.wait()

    other, elsewhere, _ = worker(concurrency=1)
    proxies = [fault_proxy(private_redis.url) for _ in range(2)]
    first, second = ({"url": proxy.url, "durability": "off", "lease": 5.0, "timeout": 5.0} for proxy in proxies)
    async with working(Slow, Producer, settings=first) as context:
        queue = (await context.get(Producer)).work
        job = await queue.enqueue(Work(1))
        await until(lambda: started == [1])
        async with working(other, Producer, settings=second) as beside, redis.Redis.from_url(private_redis.url) as raw:
            for proxy in proxies:
                proxy.refuse()
            while await raw.keys("*:alive:*"):
                await asyncio.sleep(0.05)
            proxies[1].heal()
            await (await beside.get(Producer)).work.enqueue(Work(2))
            await until(lambda: elsewhere == [2])
            await asyncio.sleep(1.0)  # two sweeps
            proxies[0].heal()
            done.set()
            await job.result()
            assert (started, elsewhere) == ([1], [2])
            assert (await (await admin_of(beside)).counts("work")).done == 2

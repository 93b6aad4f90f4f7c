"""A primary that dies with a replica behind: what was acknowledged is in the replica, or was not acknowledged."""

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import pytest
import redis.asyncio as redis

from nestpy_core import injectable
from nestpy_queue import Queue, QueueModule, StoreUnavailableError
from nestpy_queue._redis import RedisStore
from nestpy_queue._store import Submission
from nestpy_testing import FaultProxy, RedisProcess

from .working import working

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.timeout(60)]


class Work(msgspec.Struct):
    number: int


@injectable
class Producer:
    work: Queue[Work]


async def linked(url: str) -> None:
    """Wait until a replica follows."""
    async with redis.Redis.from_url(url) as client:
        while (await client.info("replication")).get("master_link_status") != "up":
            await asyncio.sleep(0.05)


async def test_acknowledged_jobs_survive_a_failover_whose_replica_was_cut_off(
    private_redis: RedisProcess, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    proxy = fault_proxy(private_redis.url)
    with RedisProcess(aof="everysec", config={"replicaof": f"127.0.0.1 {proxy.port}"}) as replica:
        await linked(replica.url)
        settings = {"url": private_redis.url, "wait_replicas": 1, "timeout": 2.0}
        imports = (QueueModule.for_feature({Work: "work"}),)
        acknowledged: list[str] = []
        refusals: set[str] = set()
        async with working(Producer, settings=settings, imports=imports, serve=False) as context:
            queue = (await context.get(Producer)).work
            for number in range(33):
                if number == 30:
                    proxy.black_hole()
                try:
                    acknowledged.append((await queue.enqueue(Work(number))).id)
                except StoreUnavailableError as error:
                    refusals.add(str(error))
        await asyncio.to_thread(private_redis.kill)
        async with redis.Redis.from_url(replica.url) as client:
            await client.replicaof("NO", "ONE")
        store = RedisStore(replica.url, durability="off", timeout=5.0)
        await store.open()
        found = [await store.find("work", name) for name in acknowledged]
        await store.close()
        assert len(acknowledged) == 30
        assert refusals == {"0 of 1 replicas of Redis took the job in time; it may have got through"}
        assert all(one is not None and one.state == "waiting" for one in found)


async def test_a_job_that_is_there_already_is_acknowledged_only_once_the_replica_has_it(
    private_redis: RedisProcess, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    proxy = fault_proxy(private_redis.url)
    with RedisProcess(aof="everysec", config={"replicaof": f"127.0.0.1 {proxy.port}"}) as replica:
        await linked(replica.url)
        stores = [RedisStore(private_redis.url, durability="off", wait_replicas=1, timeout=2.0) for _ in range(2)]
        for store in stores:
            await store.open()
        proxy.black_hole()
        job = Submission("job", b"{}", key="key")
        again = Submission("again", b"{}", key="key")
        for store, one in itertools.product(stores, (job, again)):
            with pytest.raises(StoreUnavailableError, match=r"^0 of 1 replicas"):
                await store.submit("work", [one])
        proxy.heal()
        assert [await store.submit("work", [again]) for store in stores] == [["job"], ["job"]]
        for store in stores:
            await store.close()

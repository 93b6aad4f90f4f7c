"""What the store itself does for jobs of dead workers, and how it names things."""

import time
from typing import Any

import pytest

from nestpy_queue._redis import RedisStore
from nestpy_queue._sqlite import SqliteStore
from nestpy_queue._store import JobStore, Submission

from .test_recovery import FEATURE, Producer as Sender, Work
from .working import working

pytestmark = pytest.mark.anyio


def store_of(settings: dict[str, Any]) -> JobStore:
    if "path" in settings:
        return SqliteStore(settings["path"], synchronous="NORMAL")
    return RedisStore(settings["url"], durability="off", timeout=5.0)


async def test_a_dead_workers_jobs_are_found_behind_a_thousand_that_run(shared_settings: dict[str, Any]) -> None:
    store = store_of(shared_settings)
    await store.open()
    try:
        jobs = [Submission(f"job-{number}", b"{}", 0.0, 1, "", 60.0) for number in range(1300)]
        await store.submit("work", jobs)
        store.beater(["work"], "alive", 60.0)()
        busy = await store.reserve("work", "alive", 1200, None)
        store.beater(["work"], "dead", 0.05)()
        stranded = await store.reserve("work", "dead", 5, None)
        assert (len(busy), len(stranded)) == (1200, 5)
        until = time.monotonic() + 20
        reclaimed = 0
        while reclaimed < 5 and time.monotonic() < until:
            reclaimed += (await store.sweep("work", 3)).reclaimed
        assert reclaimed == 5
        found = await store.find("work", stranded[0].id)
        assert found is not None
        assert (found.state, found.deaths) == ("waiting", 1)
    finally:
        await store.close()


async def test_every_key_of_a_queue_lies_in_one_slot_of_a_cluster(redis_url: str) -> None:
    from redis.asyncio import Redis

    settings = {"url": redis_url, "durability": "off", "timeout": 5.0}
    async with working(Sender, settings=settings, imports=FEATURE, serve=False) as context:
        queue = (await context.get(Sender)).work
        await queue.enqueue(Work(1), key="one")
        await queue.enqueue(Work(2), delay=60)
    async with Redis.from_url(redis_url) as client:
        names = await client.keys("*")
    assert len(names) >= 4
    assert all(name.startswith(b"nestpy:{work}:") for name in names)

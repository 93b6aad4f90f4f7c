"""The bugs that other queues have, planted here one by one: what guards against them goes red."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from nestpy_queue import _scripts as scripts
from nestpy_queue._redis import RedisStore
from nestpy_queue._store import Ending, Submission

pytestmark = pytest.mark.anyio

DELETE = "  redis.call('XDEL', stream(priority), entry)\n"
START = "        redis.call('HSET', job(id), 'state', 'running', 'owner', worker)\n"
DEAD = "redis.call('EXISTS', B .. 'alive:' .. name) == 0"
FENCE = "known[2] ~= worker or known[3] ~= delivery"


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    found = RedisStore(redis_url, durability="off", timeout=5.0)
    await found.open()
    yield found
    await found.close()


def plant(monkeypatch: pytest.MonkeyPatch, script: str, sound: str, broken: str) -> None:
    source: str = getattr(scripts, script)
    assert sound in source
    monkeypatch.setattr(scripts, script, source.replace(sound, broken))


async def comes_back(store: RedisStore) -> bool:
    """Say whether a job of a worker that died is given to another."""
    await store.submit("work", [Submission("job", b"{}", 0.0, 1, "", 60.0)])
    store.beater(["work"], "dead", 0.05)()
    assert len(await store.reserve("work", "dead", 1, None)) == 1
    await asyncio.sleep(0.1)
    for _ in range(3):
        await store.sweep("work", 5)
    return [one.delivery for one in await store.reserve("work", "other", 1, None)] == [2]


async def leaves_nothing(store: RedisStore) -> bool:
    """Say whether a job that is done is out of the stream."""
    await store.submit("work", [Submission("job", b"{}", 0.0, 1, "", 60.0)])
    (started,) = await store.reserve("work", "worker", 1, None)
    await store.end([Ending(started, "worker", "done", 0.0, b"", "", 60.0)])
    return int(await store._client.xlen("nestpy:{work}:stream:1")) == 0


async def counts_once(store: RedisStore) -> bool:
    """Say whether a worker that comes back from the dead is refused."""
    await store.submit("work", [Submission("job", b"{}", 0.0, 1, "", 60.0)])
    store.beater(["work"], "paused", 0.05)()
    (first,) = await store.reserve("work", "paused", 1, None)
    await asyncio.sleep(0.1)
    await store.sweep("work", 5)
    await store.reserve("work", "other", 1, None)
    return await store.end([Ending(first, "paused", "done", 0.0, b"", "", 60.0)]) == [False]


async def test_without_a_bug_every_check_passes(store: RedisStore) -> None:
    assert await comes_back(store)
    await store._client.flushdb()
    assert await leaves_nothing(store)
    await store._client.flushdb()
    assert await counts_once(store)


async def test_an_early_ack_is_seen(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "RESERVE", START, f"{START}        unstream(priority, entry)\n")
    assert not await comes_back(store)


async def test_an_entry_that_stays_in_the_stream_is_seen(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "END", DELETE, "")
    assert not await leaves_nothing(store)


async def test_a_lease_that_nobody_looks_at_is_seen(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "SWEEP", DEAD, "false")
    assert not await comes_back(store)


async def test_an_end_without_its_fence_is_seen(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "END", FENCE, "false")
    assert not await counts_once(store)

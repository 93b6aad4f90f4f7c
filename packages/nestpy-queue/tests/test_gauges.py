import asyncio
from typing import Any

import msgspec
import pytest

from nestpy_core import injectable
from nestpy_core.contracts import GaugeSource
from nestpy_queue import Queue, StoreUnavailableError, UnrecoverableError, process, processor
from nestpy_testing import RedisProcess

from .working import admin_of, until_state, working

pytestmark = pytest.mark.anyio


class Transcode(msgspec.Struct):
    track: int


@injectable
class Reader:
    tracks: Queue[Transcode]
    sources: list[GaugeSource]

    async def depths(self) -> dict[str, float]:
        readings = [one for source in self.sources for one in await source.read()]
        assert {one.gauge for one in readings} == {gauge for source in self.sources for gauge in source.gauges}
        assert {one.labels["queue"] for one in readings} == {"audio"}
        return {one.labels.get("state", one.gauge.name): one.value for one in readings}


async def test_gauges_show_what_waits_is_delayed_runs_and_is_dead(settings: dict[str, Any]) -> None:
    go = asyncio.Event()

    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None:
            if job.track == 0:
                raise UnrecoverableError("never")
            await go.wait()

    async with working(Audio, Reader, settings=settings) as context:
        reader = await context.get(Reader)
        dead = await reader.tracks.enqueue(Transcode(0))
        await until_state(dead.status, "dead")
        first = await reader.tracks.enqueue(Transcode(1))
        await until_state(first.status, "running")
        await reader.tracks.enqueue_many([Transcode(2), Transcode(3)])
        await reader.tracks.enqueue(Transcode(4), delay=60)
        await asyncio.sleep(0.05)
        shown = await reader.depths()
        assert 0.04 < shown.pop("queue.lag") < 20
        counts = {"waiting": 2, "delayed": 1, "running": 1, "dead": 1}
        assert shown == {**counts, "queue.workers": 1, "queue.paused": 0}
        await (await admin_of(context)).pause("audio")
        assert (await reader.depths())["queue.paused"] == 1
        go.set()


async def test_gauges_say_that_the_store_is_away(private_redis: RedisProcess) -> None:
    @processor("audio")
    class Audio:
        @process()
        async def transcode(self, job: Transcode) -> None: ...

    settings = {"url": private_redis.url, "durability": "off"}
    async with working(Audio, Reader, settings=settings, serve=False) as context:
        reader = await context.get(Reader)
        await asyncio.to_thread(private_redis.stop)
        with pytest.raises(StoreUnavailableError):
            await reader.depths()

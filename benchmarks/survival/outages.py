"""A Redis that stands still, a link that lies and a primary that dies: Q5 and Q6."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cases.queue_worker import Work
from harness.goals import Goal
from harness.session import say
from redis.asyncio import Redis

from nestpy_queue import Queue, StoreUnavailableError
from nestpy_testing import FaultProxy, RedisProcess

from .producing import bench, parts, producer

_LANES = 10
"""How many enqueue at once."""

Fault = Callable[[], Awaitable[None]]


async def hangs(seconds: float, directory: Path) -> list[Goal]:
    """Q5: pause Redis, swallow what passes on its link, cut the link in the midst of replies."""
    goals = []
    for name in ("paused", "swallowed", "cut"):
        with RedisProcess() as redis, FaultProxy(redis.url) as proxy:
            faults: dict[str, Fault] = {
                "paused": lambda redis=redis: _paused(redis, seconds),
                "swallowed": lambda proxy=proxy: _swallowed(proxy, seconds),
                "cut": lambda proxy=proxy: _cut(proxy, seconds),
            }
            say(f"Q5  {name} for {seconds:g} s …")
            goals += await _outage(proxy.url, name, faults[name], seconds, directory)
    return goals


async def _outage(url: str, name: str, fault: Fault, seconds: float, directory: Path) -> list[Goal]:
    async with bench(directory / name, url=url, lease=5.0) as found:
        found.fork(2)
        sent: set[str] = set()
        refusals: list[float] = []
        producing = [
            asyncio.create_task(_produce(found.queue, itertools.count(lane, _LANES), sent, refusals))
            for lane in range(_LANES)
        ]
        await asyncio.sleep(1.0)
        await fault()
        await asyncio.sleep(1.0)
        for one in producing:
            one.cancel()
        await asyncio.wait(producing)
        await found.admin.drained("work", 120.0)
        counts = await found.admin.counts("work")
        lost = len(sent - {words[1] for words in found.lines.of("start")})
    what = f"Q5 Redis {name} for {seconds:g} s under {len(sent):,} jobs"
    return judge_outage(what, lost + counts.dead, refusals)


def judge_outage(what: str, lost: int, refusals: Sequence[float]) -> list[Goal]:
    """Hold what was lost, and the seconds that each refused enqueue took, against Q5."""
    slowest = max(refusals, default=0.0)
    shown = f"{slowest:.2f} s at most of {len(refusals)}"
    return [
        Goal(f"{what}: none lost", str(lost), lost == 0),
        Goal(f"{what}: a refused enqueue says so within 1 s", shown, round(slowest, 1) <= 1.0 and bool(refusals)),
    ]


async def _produce(queue: Queue[Work], numbers: Iterator[int], sent: set[str], refusals: list[float]) -> None:
    for number in numbers:
        while True:
            begin = time.monotonic()
            try:
                # A send that fails may have got through: its key makes the next one the same job.
                sent.add((await queue.enqueue(Work(number, 0.01), key=f"job-{number}")).id)
            except StoreUnavailableError:
                refusals.append(time.monotonic() - begin)
                await asyncio.sleep(random.uniform(0, 1))
            else:
                await asyncio.sleep(0.02)
                break


async def _paused(redis: RedisProcess, seconds: float) -> None:
    redis.pause()
    await asyncio.sleep(seconds)
    redis.resume()


async def _swallowed(proxy: FaultProxy, seconds: float) -> None:
    proxy.black_hole()
    await asyncio.sleep(seconds)
    proxy.heal()


async def _cut(proxy: FaultProxy, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        proxy.cut_after(40)
        await asyncio.sleep(0.1)
    proxy.heal()


async def failovers(rounds: int, jobs: int, directory: Path) -> list[Goal]:
    """Q6: cut a replica off under load, kill the primary and ask the replica for what was acknowledged."""
    del directory
    acknowledged = lost = refused = 0
    for number in range(rounds):
        with (
            RedisProcess() as primary,
            FaultProxy(primary.url) as proxy,
            RedisProcess(config={"replicaof": f"127.0.0.1 {proxy.port}"}) as replica,
        ):
            taken, failed = await _until_cut_off(primary.url, replica.url, proxy, jobs)
            await asyncio.to_thread(primary.kill)
            missing = await _missing(replica.url, taken)
        acknowledged, lost, refused = acknowledged + len(taken), lost + missing, refused + failed
        say(f"Q6  failover {number + 1} of {rounds}: {len(taken)} acknowledged, {missing} lost, {failed} refused")
    what = f"Q6 {rounds} failovers, {acknowledged:,} jobs acknowledged with `wait_replicas=1`"
    return [
        Goal(f"{what}: none lost", str(lost), lost == 0 and acknowledged > 0),
        Goal(f"{what}: what no replica has is refused", f"{refused} refused", refused >= rounds),
    ]


async def _until_cut_off(url: str, replica: str, proxy: FaultProxy, jobs: int) -> tuple[list[str], int]:
    async with Redis.from_url(replica) as client:
        while (await client.info("replication")).get("master_link_status") != "up":  # noqa: ASYNC110  # only Redis knows
            await asyncio.sleep(0.05)
    taken: list[str] = []
    failed = 0
    settings: dict[str, Any] = {"url": url, "durability": "off", "wait_replicas": 1, "timeout": 2.0}
    async with producer(settings).create_context() as context:
        queue, _ = await parts(context)

        async def send(number: int) -> None:
            nonlocal failed
            try:
                taken.append((await queue.enqueue(Work(number))).id)
            except StoreUnavailableError:
                failed += 1

        for first in range(0, jobs, 20):
            sending = [asyncio.create_task(send(number)) for number in range(first, first + 20)]
            if first + 20 >= jobs // 2:
                await asyncio.sleep(0)
                proxy.black_hole()
            await asyncio.gather(*sending)
            if failed:
                break
    return taken, failed


async def _missing(url: str, taken: Sequence[str]) -> int:
    async with Redis.from_url(url) as client:
        await client.replicaof("NO", "ONE")
    async with producer({"url": url, "durability": "off", "timeout": 5.0}).create_context() as context:
        queue, _ = await parts(context)
        return sum([await queue.find(name) is None for name in taken])

"""The fake clock moves when it is told to, and everybody wakes at the right time and in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from nestpy_core import Clock, injectable, module
from nestpy_testing import FakeClock, TestApp, TestAppError

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@injectable
class Reminder:
    clock: Clock

    async def remind(self) -> datetime:
        await self.clock.sleep(3600)
        return self.clock.now()


@module(providers=[Reminder])
class AppModule: ...


async def test_app_sleeps_on_the_clock_of_the_test(clock):
    async with TestApp(AppModule).override_provider(Clock).use_value(clock) as app:
        reminded = asyncio.create_task((await app.get(Reminder)).remind())
        await clock.advance(timedelta(minutes=59))
        assert not reminded.done()
        await clock.advance_to(MIDNIGHT + timedelta(hours=2))
        assert reminded.result() == MIDNIGHT + timedelta(hours=1)
        assert (clock.now(), clock.monotonic()) == (MIDNIGHT + timedelta(hours=2), 7200)


async def test_sleepers_wake_at_their_own_times_in_their_order(clock):
    log = []

    async def sleeper(name, *naps):
        for nap in naps:
            await clock.sleep(nap)
            log.append((clock.monotonic(), name))

    tasks = [asyncio.create_task(sleeper(*one)) for one in [("a", 3, 3), ("b", 1, 2, 3), ("c", 3), ("z", 0)]]
    await clock.settle()
    assert (log, clock.sleepers) == ([(0, "z")], 3)
    await clock.advance(10)
    assert log[1:] == [(1, "b"), (3, "a"), (3, "c"), (3, "b"), (6, "a"), (6, "b")]
    assert clock.monotonic() == 10
    await asyncio.gather(*tasks)


async def test_task_that_sleeps_again_is_woken_each_time(clock):
    ticks = []

    async def tick():
        while True:
            await clock.sleep(5)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await clock.advance(16)
    task.cancel()
    await clock.settle()
    assert (ticks, clock.sleepers) == ([5, 10, 15], 0)
    await clock.advance(100)
    assert len(ticks) == 3


async def test_step_sets_the_time_of_day_and_wakes_nobody(clock):
    task = asyncio.create_task(clock.sleep(10))
    await clock.settle()
    clock.step(timedelta(hours=1))
    await clock.settle()
    assert (clock.now(), clock.monotonic(), task.done()) == (MIDNIGHT + timedelta(hours=1), 0, False)
    clock.step(-7200)
    assert clock.now() == MIDNIGHT - timedelta(hours=1)
    await clock.advance(10)
    assert task.done()


async def test_loop_follows_the_clock(clock):
    log = []

    async def both():
        await asyncio.sleep(100)
        log.append(("loop", clock.monotonic()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await asyncio.Event().wait()
        log.append(("timeout", clock.monotonic()))
        with anyio.move_on_after(25):
            await anyio.sleep_forever()
        log.append(("anyio", clock.monotonic()))

    async def own():
        await clock.sleep(120)
        log.append(("clock", clock.monotonic()))

    with clock.driving_loop():
        tasks = [asyncio.create_task(both()), asyncio.create_task(own())]
        await clock.advance(1000)
        await asyncio.gather(*tasks)
    assert log == [("loop", 100), ("clock", 120), ("timeout", 150), ("anyio", 175)]
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - before >= 0.009


async def test_loop_with_a_clock_of_its_own_is_refused(clock, monkeypatch):
    class Foreign:
        pass

    monkeypatch.setattr(asyncio, "get_running_loop", Foreign)
    with pytest.raises(TestAppError, match=r"The time of `.*Foreign` cannot be driven"), clock.driving_loop():
        pass


@pytest.mark.parametrize("by", [-1, timedelta(seconds=-1)])
async def test_time_does_not_go_back(clock, by):
    with pytest.raises(ValueError, match="time does not go back"):
        await clock.advance(by)


def test_start_is_aware_and_kept_in_utc():
    zone = datetime.fromisoformat("2026-03-29T02:00:00+02:00")
    assert FakeClock(zone).now().isoformat() == "2026-03-29T00:00:00+00:00"
    with pytest.raises(ValueError, match="must be an aware datetime"):
        FakeClock(MIDNIGHT.replace(tzinfo=None))

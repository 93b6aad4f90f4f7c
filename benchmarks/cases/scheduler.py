"""The schedulers of the soak, to be forked by `nestpy_testing.ForkServer`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from nestpy_core import App, module
from nestpy_schedule import Overlap, RunAll, ScheduleModule, Tick, cron, every, scheduled

LEASE = 3.0
"""Seconds that a scheduler may be silent."""


def tick(url: str, history: str, count: str, expression: str, recovering: str = "0") -> None:
    """Run *count* schedules of one expression until SIGTERM, and *recovering* more that are recovered.

    Each run writes its occurrence, its process, its lateness and whether it is one more to *history*.
    """
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def named(name: str, *, recover: bool) -> Callable[..., Awaitable[None]]:
        @cron(expression, name=name, overlap="allow", misfire=RunAll(100), recover=recover)
        async def run(self: object, tick: Tick) -> None:
            words = f"{tick.name} {tick.due.timestamp():.0f} {os.getpid()} {tick.late:.4f} {tick.recovered:d}\n"
            os.write(file, words.encode())

        return run

    runs = [named(f"job-{number}", recover=False) for number in range(int(count))]
    runs += [named(f"safe-{number}", recover=True) for number in range(int(recovering))]
    jobs = scheduled(type("Jobs", (), {f"tick_{number}": run for number, run in enumerate(runs)}))

    @module(imports=[ScheduleModule.for_root(url=url, lease=LEASE)], providers=[jobs])
    class FleetModule: ...

    App(FleetModule, environ={"NESTPY_ENV": "test"}).run()


def step(history: str) -> None:
    """Run one schedule of each kind until SIGTERM, writing the times of each to *history*, on a clock nobody sets."""
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(tick: Tick) -> None:
        os.write(file, f"{tick.name} {time.monotonic():.3f}\n".encode())

    @scheduled
    class Jobs:
        @cron("* * * * * *", name="1")
        async def secondly(self, tick: Tick) -> None:
            write(tick)

        @every(5, name="5")
        async def often(self, tick: Tick) -> None:
            write(tick)

        @cron("* * * * *", name="60")
        async def minutely(self, tick: Tick) -> None:
            write(tick)

    @module(imports=[ScheduleModule], providers=[Jobs])
    class StepModule: ...

    App(StepModule, environ={"NESTPY_ENV": "test"}).run()


def overlap(url: str, history: str, count: str, lease: str, seconds: str) -> None:
    """Run *count* schedules of each overlap policy every second, each run longer than that, writing starts and ends."""
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(what: str, tick: Tick) -> None:
        os.write(file, f"{what} {tick.name} {tick.due.timestamp():.0f} {os.getpid()} {time.time():.3f}\n".encode())

    def named(name: str, policy: Any) -> Callable[..., Awaitable[None]]:
        @every(1, name=name, overlap=policy)
        async def run(self: object, tick: Tick) -> None:
            write("start", tick)
            try:
                await asyncio.sleep(float(seconds))
            finally:
                write("end", tick)

        return run

    names = [(f"{policy}-{number}", policy) for policy in get_args(Overlap) for number in range(int(count))]
    jobs = scheduled(type("Jobs", (), {f"run_{number}": named(*one) for number, one in enumerate(names)}))

    @module(imports=[ScheduleModule.for_root(url=url, lease=float(lease))], providers=[jobs])
    class OverlapModule: ...

    App(OverlapModule, environ={"NESTPY_ENV": "test"}).run()

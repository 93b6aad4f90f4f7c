"""A scheduler of the soak with many schedules of one second, to be forked by `nestpy_testing.ForkServer`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from nestpy_core import App, module
from nestpy_schedule import RunAll, ScheduleModule, Tick, every, scheduled


def tick(url: str, history: str, count: str) -> None:
    """Run *count* schedules until SIGTERM, writing each occurrence to *history*."""
    file = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def named(name: str) -> Callable[..., Awaitable[None]]:
        @every(1, name=name, overlap="allow", misfire=RunAll(100))
        async def run(self: object, tick: Tick) -> None:
            os.write(file, f"{tick.name} {tick.due.timestamp():.0f} {os.getpid()} {tick.late:.4f}\n".encode())

        return run

    jobs = scheduled(type("Jobs", (), {f"tick_{number}": named(f"job-{number}") for number in range(int(count))}))

    @module(imports=[ScheduleModule.for_root(url=url)], providers=[jobs])
    class FleetModule: ...

    App(FleetModule, environ={"NESTPY_ENV": "test"}).run()

"""One process of a fleet: ticking.py REDIS_URL HISTORY."""

import os
import sys

from nestpy_core import App, module, on_application_bootstrap
from nestpy_schedule import RunAll, ScheduleModule, Tick, every, scheduled

HISTORY = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@scheduled
class Jobs:
    @on_application_bootstrap
    def ready(self) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    @every(0.2, name="fast-0.2", overlap="allow", misfire=RunAll(100))
    async def fast(self, tick: Tick) -> None:
        self.write(tick)

    @every(1, name="slow-1", overlap="allow", misfire=RunAll(100))
    async def slow(self, tick: Tick) -> None:
        self.write(tick)

    @every(0.2, name="safe-0.2", overlap="allow", misfire=RunAll(100), recover=True)
    async def safe(self, tick: Tick) -> None:
        self.write(tick)

    def write(self, tick: Tick) -> None:
        os.write(HISTORY, f"{tick.name} {tick.due.timestamp():.6f} {tick.recovered:d}\n".encode())


@module(imports=[ScheduleModule.for_root(url=sys.argv[1], lease=1.0)], providers=[Jobs])
class FleetModule: ...


if __name__ == "__main__":
    App(FleetModule, environ={"NESTPY_ENV": "test"}).run()

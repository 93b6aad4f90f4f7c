"""What type checkers conclude about indicators; checked, never run."""

from typing import assert_type

from nestpy_core import AppStatus, Scope
from nestpy_core.contracts import HealthIndicator
from nestpy_health import (
    DiskIndicator,
    Health,
    HealthModule,
    HealthReport,
    MemoryIndicator,
    indicators,
    liveness,
    readiness,
)


@indicators
class Checks:
    status: AppStatus

    @readiness
    async def database(self) -> None: ...

    @liveness(name="loop", timeout=0.1)
    def loop(self) -> bool:
        return True


@indicators(scope=Scope.REQUEST)
class Scoped:
    status: AppStatus


async def use(status: AppStatus, health: Health) -> None:
    checks = Checks(status=status)
    Scoped(status=status)
    assert_type(checks.loop(), bool)
    assert_type(await health.readiness(), HealthReport)
    Checks(status)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


ready_made: list[HealthIndicator] = [DiskIndicator("/data"), MemoryIndicator(max_bytes=1)]
HealthModule.for_root(indicators=ready_made, port=9000)

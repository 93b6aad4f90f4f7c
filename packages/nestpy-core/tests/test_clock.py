"""Every app provides a clock, which it may replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from nestpy_core import App, Clock, injectable, module, provide


@injectable
class Service:
    clock: Clock


@module(providers=[Service])
class AppModule: ...


async def test_the_machines_clock_is_injected():
    async with App(AppModule).create_context() as context:
        clock = (await context.get(Service)).clock
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)
        before = clock.monotonic()
        await clock.sleep(0.01)
        assert 0.009 < clock.monotonic() - before <= time.monotonic() - before


async def test_an_app_may_bind_its_own():
    class Stopped(Clock):
        def now(self):
            return datetime(2026, 1, 1, tzinfo=UTC)

    @module(providers=[Service, provide(Clock, use_class=Stopped)])
    class Root: ...

    async with App(Root).create_context() as context:
        assert (await context.get(Service)).clock.now().year == 2026

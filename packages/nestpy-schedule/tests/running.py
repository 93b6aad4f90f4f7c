"""Starts apps with schedules, on a clock that stands still until a test moves it."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nestpy_core import App, Clock, Context, DynamicModule, module
from nestpy_schedule import ScheduleModule
from nestpy_testing import FakeClock, TestApp

START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = {"NESTPY_ENV": "test"}


def root_of(
    *providers: Any,
    settings: Mapping[str, Any] | None = None,
    imports: tuple[Any, ...] = (),
    root: DynamicModule | None = None,
) -> type:
    @module(imports=[root or ScheduleModule.for_root(**(settings or {})), *imports], providers=providers)
    class RootModule: ...

    return RootModule


@contextlib.asynccontextmanager
async def running(
    *providers: Any,
    clock: FakeClock | None = None,
    settings: Mapping[str, Any] | None = None,
    imports: tuple[Any, ...] = (),
    root: DynamicModule | None = None,
) -> AsyncIterator[Context]:
    """Start an app and its schedules."""
    overrides = []
    if clock is not None:
        stand_in = TestApp(object)
        stand_in.override_provider(Clock).use_value(clock)
        overrides = list(stand_in.overrides.values())
    app = App(root_of(*providers, settings=settings, imports=imports, root=root), environ=QUIET, overrides=overrides)
    async with app.create_context(serve=True) as context:
        if clock is not None:
            await clock.settle()
        yield context


__all__ = ("START", "FakeClock", "root_of", "running")

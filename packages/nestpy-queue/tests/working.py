"""Starts apps that work off queues, over each kind of store."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from nestpy_core import App, Context, module
from nestpy_queue import QueueAdmin, QueueModule

QUIET = {"NESTPY_ENV": "test"}


def app_of(*providers: Any, settings: Mapping[str, Any], imports: tuple[Any, ...] = (), **app: Any) -> App:
    @module(imports=[QueueModule.for_root(**settings), *imports], providers=providers)
    class RootModule: ...

    return App(RootModule, environ=QUIET, **app)


@contextlib.asynccontextmanager
async def working(
    *providers: Any, settings: Mapping[str, Any], serve: bool = True, imports: tuple[Any, ...] = ()
) -> AsyncIterator[Context]:
    """Start an app of these providers; its worker runs unless *serve* is false."""
    app = app_of(*providers, settings=settings, imports=imports)
    async with app.create_context(serve=serve) as context:
        yield context


async def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.005)


async def until_state(find: Callable[[], Awaitable[Any]], state: str, seconds: float = 20.0) -> Any:
    """Wait until a job is in a state, and return its status."""
    end = time.monotonic() + seconds
    while True:
        found = await find()
        if found is not None and found.state == state:
            return found
        assert time.monotonic() < end, f"it is {found and found.state}"
        await asyncio.sleep(0.005)


async def admin_of(context: Context) -> QueueAdmin:
    return await context.get(QueueAdmin)

"""The pytest plugin: fixtures that start apps and find ports."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ._app import TestApp

StartApp = Callable[..., Awaitable["TestApp"]]


@pytest.fixture
async def start_app() -> AsyncIterator[StartApp]:
    """Start apps that drain after the test: ``app = await start_app(AppModule)``.

    It takes a root module, an `App` or a prepared `TestApp`, and the options of `TestApp`. The test runs
    under anyio's plugin (``pytest.mark.anyio``).
    """
    from ._app import TestApp

    async with contextlib.AsyncExitStack() as stack:

        async def start(app: Any, **options: Any) -> TestApp:  # as `TestApp` takes them
            prepared = app if isinstance(app, TestApp) else TestApp(app, **options)
            return await stack.enter_async_context(prepared)

        yield start


@pytest.fixture
def unused_port() -> int:
    """Return a TCP port that nobody listens on."""
    from ._ports import free_port

    return free_port()

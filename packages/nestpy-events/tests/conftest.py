"""Starts apps made of a test's own listeners, and gives their bus."""

import contextlib

import pytest

from nestpy_core import App, BootError, module
from nestpy_events import EventBus, EventsModule

PLAIN = {"NESTPY_ENV": "test"}


def app_of(*providers, imports=(), environ=PLAIN, plugins=(), **options):
    @module(imports=[EventsModule.for_root(**options), *imports], providers=list(providers))
    class TestedModule: ...

    return App(TestedModule, environ=environ, plugins=plugins)


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, **events_options)``."""
    return app_of


@pytest.fixture
def listening():
    """Return ``async with listening(*providers, **events_options) as bus``."""

    @contextlib.asynccontextmanager
    async def listen(*providers, **options):
        async with app_of(*providers, **options).create_context() as context:
            yield await context.get(EventBus)

    return listen


@pytest.fixture
def boot_problems():
    """Return ``boot_problems(*providers)``: the text of each problem of an app that must not boot."""

    def problems(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        return [str(problem) for problem in caught.value.exceptions]

    return problems

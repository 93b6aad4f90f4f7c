"""Starts apps made of a test's own providers with the probes, and asks these."""

import contextlib

import pytest

from nestpy_core import App, BootError, module
from nestpy_health import Health, HealthModule
from nestpy_http import HttpClient, HttpModule

PLAIN = {"NESTPY_ENV": "test"}


def app_of(*providers, imports=(), environ=PLAIN, http=None, plugins=(), **options):
    """Return an app with `HealthModule`; *http* are HttpModule's options, None leaves HTTP out."""
    edges = [] if http is None else [HttpModule.for_root(**http)]

    @module(imports=[HealthModule.for_root(**options), *edges, *imports], providers=list(providers))
    class TestedModule: ...

    return App(TestedModule, environ=environ, plugins=plugins)


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, http=None, **health_options)``."""
    return app_of


@pytest.fixture
def probing():
    """Return ``async with probing(*providers, **health_options) as health``, the app's `Health`."""

    @contextlib.asynccontextmanager
    async def probe(*providers, **options):
        async with app_of(*providers, **options).create_context() as context:
            yield await context.get(Health)

    return probe


@pytest.fixture
def serving():
    """Return ``async with serving(*providers, http={}, **health_options) as client``."""

    @contextlib.asynccontextmanager
    async def serve(*providers, http=None, **options):
        app = app_of(*providers, http=http or {}, **options)
        async with app.create_context():
            yield HttpClient(app.__rsgi__)

    return serve


@pytest.fixture
def boot_problems():
    """Return ``boot_problems(*providers, **options)``: the text of each problem of an app that must not boot."""

    def problems(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        return [str(problem) for problem in caught.value.exceptions]

    return problems

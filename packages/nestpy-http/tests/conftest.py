"""Starts apps made of a test's own providers, and asks them without a socket."""

import contextlib

import pytest

from nestpy_core import App, BootError, module
from nestpy_http import HttpClient, HttpModule

PLAIN = {"NESTPY_ENV": "test"}


def app_of(*providers, imports=(), environ=PLAIN, plugins=(), **options):
    @module(imports=[HttpModule.for_root(**options), *imports], providers=list(providers))
    class TestedModule: ...

    return App(TestedModule, environ=environ, plugins=plugins)


@pytest.fixture
def serving():
    """Return ``async with serving(*providers, **http_options) as client``."""

    @contextlib.asynccontextmanager
    async def serve(*providers, **options):
        app = app_of(*providers, **options)
        async with app.create_context():
            yield HttpClient(app.__rsgi__)

    return serve


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, **http_options)``."""
    return app_of


@pytest.fixture
def boot_problems():
    """Return ``boot_problems(*providers, **options)``: the text of each problem of an app that must not boot."""

    def problems(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        return [str(problem) for problem in caught.value.exceptions]

    return problems

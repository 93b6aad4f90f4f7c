"""Starts apps with rules and a small storage of entities, and asks them without a socket."""

import contextlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nestpy_authz import AuthzModule
from nestpy_core import APP_GUARD, App, BootError, hookimpl, module, provide
from nestpy_http import HttpClient, HttpModule

sys.path.append(str(Path(__file__).parent))

from authz_world import Entity, EntitySupport, Login  # it stands beside this file

PLAIN = {"NESTPY_ENV": "test"}


def storage():
    plugin = ModuleType("entity_plugin")
    plugin.nestpy_api = "0.1"
    support = EntitySupport()
    plugin.nestpy_schema = hookimpl(
        lambda cls: support if isinstance(cls, type) and issubclass(cls, Entity) else None, specname="nestpy_schema"
    )
    return plugin


def app_of(*providers, rules=(), imports=(), authz=True, plugins=()):
    @module(
        imports=[HttpModule, *([AuthzModule.for_root(*rules)] if authz else []), *imports],
        providers=[*providers, provide(APP_GUARD, use_class=Login, multi=True)],
    )
    class TestedModule: ...

    return App(TestedModule, environ=PLAIN, plugins=[storage(), *plugins])


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, rules=[…])``."""
    return app_of


@pytest.fixture
def serving():
    """Return ``async with serving(*providers, rules=[…]) as client``."""

    @contextlib.asynccontextmanager
    async def serve(*providers, **options):
        app = app_of(*providers, **options)
        async with app.create_context() as context:
            client = HttpClient(app.__rsgi__)
            client.context = context
            yield client

    return serve


@pytest.fixture
def boot_problems():
    """Return ``boot_problems(*providers, rules=[…])``: the text of each problem of an app that must not boot."""

    def problems(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        return [str(problem) for problem in caught.value.exceptions]

    return problems

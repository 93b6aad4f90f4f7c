"""Apps of a few resolvers, and the schema of one."""

from typing import Any

import pytest

from nestpy_core import App, module
from nestpy_graphql import GraphqlModule
from nestpy_http import HttpModule


def app_of(*providers: Any, imports: tuple[Any, ...] = (), **options: Any) -> App:
    """Return an app of *providers*; *options* are those of `GraphqlModule.for_root`."""

    @module(
        imports=[HttpModule.for_root(port=0), GraphqlModule.for_root(**options), *imports],
        providers=list(providers),
    )
    class AppModule: ...

    return App(AppModule)


def sdl(*providers: Any, **options: Any) -> str:
    """Return the schema of an app of *providers*."""
    edge = next(one for one in app_of(*providers, **options).edges if one.name == "graphql")
    return str(edge.composition.sdl())


@pytest.fixture(name="app_of")
def app_of_fixture() -> Any:
    return app_of


@pytest.fixture(name="sdl")
def sdl_fixture() -> Any:
    return sdl

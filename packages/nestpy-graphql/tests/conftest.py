"""Apps of a few resolvers, and the schema of one."""

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
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


@pytest.fixture(scope="module")
def standin() -> Any:
    """The app of the transports alone, which a test starts in this process."""
    path = Path(__file__).parent / "transports" / "main.py"
    spec = importlib.util.spec_from_file_location("graphql_transports_main", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Installs packages of node, once for every run in this clone, and returns the folder of that *name*."""

    def install(name: str, *packages: str) -> Path:
        folder = Path(__file__).parents[3] / ".hatch" / "node" / name
        if not (folder / "node_modules").exists():
            fresh = tmp_path_factory.mktemp("node")
            options = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"]
            subprocess.run(
                ["npm", "install", *options, "--prefix", str(fresh), *packages], check=True, capture_output=True
            )
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(fresh, folder)
        return folder

    return install

"""Every test that touches a database runs on each: SQLite in memory, SQLite in a file, PostgreSQL."""

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import shop

from nestpy_core import module
from nestpy_http import HttpModule
from nestpy_orm import Database, OrmConfig, OrmModule, Repository
from nestpy_testing import TestApp


@pytest.fixture(params=["memory", "file", "postgres"])
def database_url(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return "sqlite://:memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture(params=["file", "postgres"])
def shared_url(request, tmp_path):
    """The databases of which several connections see the same."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 's.db'}"


@pytest.fixture
def open_database():
    """Return ``async with open_database(url, **settings) as database`` with the tables of the shop."""

    @contextlib.asynccontextmanager
    async def opened(url, *, tables=True, **settings):
        database = Database(OrmConfig.of(url, **settings))
        await database.open()
        try:
            if tables:
                await shop.create_tables(database)
            yield database
        finally:
            await database.close()

    return opened


@pytest.fixture
async def database(database_url, open_database):
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def users(database):
    return Repository(shop.User, database)


@pytest.fixture
def orgs(database):
    return Repository(shop.Org, database)


@pytest.fixture
def shop_app():
    """Return ``async with shop_app(url, *providers) as app``: the app with the tables of the shop."""

    @contextlib.asynccontextmanager
    async def start(url, *providers, imports=(), settings=None, plugins=(), tables=True, **options):
        @module(
            imports=[HttpModule.for_root(), OrmModule.for_root(url=url, **options), *imports],
            providers=list(providers),
        )
        class ShopModule: ...

        async with TestApp(ShopModule, plugins=plugins).with_settings({"DATABASE_URL": "", **(settings or {})}) as app:
            if tables:
                await shop.create_tables(await app.get(Database))
            yield app

    return start

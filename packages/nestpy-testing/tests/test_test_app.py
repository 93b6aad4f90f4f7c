"""The test app: overrides, settings, clients, sockets, and starts that leave nothing behind."""

from __future__ import annotations

import os
from typing import Annotated

import httpx
import pytest

from nestpy_core import (
    App,
    BootError,
    NotProvidedError,
    Scope,
    Token,
    injectable,
    module,
    on_application_shutdown,
    on_module_init,
    provide,
)
from nestpy_http import HttpModule, controller, get
from nestpy_testing import TestApp, TestAppError, free_port

pytestmark = pytest.mark.anyio

NAME = Token[str]("name")


@injectable
class Database:
    def __init__(self) -> None:
        self.log: list[str] = []

    def rows(self) -> list[str]:
        return ["real"]

    @on_module_init
    def open(self) -> None:
        self.log.append("open")

    @on_application_shutdown
    def close(self) -> None:
        self.log.append("close")


@injectable(scope=Scope.REQUEST)
class Session:
    database: Database


@controller("/rows")
class RowsController:
    database: Database
    name: Annotated[str, NAME]

    @get("/")
    async def rows(self) -> list[str]:
        return [self.name, *self.database.rows()]


@module(
    imports=[HttpModule.for_root()],
    providers=[Database, Session, RowsController, provide(NAME, use_value="plain")],
)
class AppModule: ...


class FakeDatabase(Database):
    def rows(self) -> list[str]:
        return ["fake"]


async def rows_of(app):
    return (await app.http.get("/rows")).json()


async def test_real_graph_answers_without_a_socket():
    async with TestApp(AppModule) as app:
        assert await rows_of(app) == ["plain", "real"]
        assert app.url is None


async def test_app_given_is_rebuilt_from_its_root():
    app = App(AppModule)
    async with TestApp(app).override_provider(NAME).use_value("x") as test_app:
        assert await rows_of(test_app) == ["x", "real"]
        assert test_app.app is not app


async def test_every_kind_of_override_reaches_every_consumer():
    fake = FakeDatabase()
    async with TestApp(AppModule).override_provider(Database).use_value(fake) as app:
        assert await rows_of(app) == ["plain", "fake"]
        assert await app.get(Database) is fake

    async with TestApp(AppModule).override_provider(Database).use_class(FakeDatabase) as app:
        assert await rows_of(app) == ["plain", "fake"]

    async def from_database(database: Database) -> str:
        return f"from {database.rows()[0]}"

    async with TestApp(AppModule).override_provider(NAME).use_factory(from_database) as app:
        assert await rows_of(app) == ["from real", "real"]

    other = Token[str]("other")

    @module(imports=[AppModule], providers=[provide(other, use_value="shared")], exports=[other])
    class Root: ...

    test_app = TestApp(Root).override_provider(NAME).use_value("a").override_provider(Database).use_class(FakeDatabase)
    async with test_app as app:
        assert await rows_of(app) == ["a", "fake"]


async def test_override_of_what_nobody_provides_is_a_boot_error():
    with pytest.raises(BootError) as caught:
        await TestApp(AppModule).override_provider(str).use_value("x").__aenter__()
    assert "`str` is overridden, and nothing in the app provides it" in str(caught.value)


async def test_settings_are_for_this_app_alone():
    environ = dict(os.environ)
    async with TestApp(AppModule).with_settings({"NESTPY_APP__LOG_LEVEL": "debug"}) as app:
        from nestpy_core._app_config import AppConfig

        assert (await app.get(AppConfig)).log_level == "debug"
        assert app.app.graph.settings.environment == "test"
    assert dict(os.environ) == environ


async def test_environment_can_be_another_one():
    async with TestApp(AppModule, environ={"NESTPY_ENV": "production"}) as app:
        assert app.app.graph.settings.environment == "production"


async def test_context_opens_request_scopes():
    async with TestApp(AppModule) as app:
        with pytest.raises(NotProvidedError, match="request-scoped"):
            await app.get(Session)
        async with app.context.request() as request:
            assert (await request.get(Session)).database is await app.get(Database)


async def test_lifecycle_runs_and_starts_anew():
    test_app = TestApp(AppModule)
    async with test_app as app:
        first = await app.get(Database)
        assert first.log == ["open"]
    assert first.log == ["open", "close"]
    async with test_app as app:
        assert await app.get(Database) is not first


async def test_failing_test_drains_too():
    databases = []

    async def test():
        async with TestApp(AppModule) as app:
            databases.append(await app.get(Database))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await test()
    assert databases[0].log == ["open", "close"]


@pytest.mark.e2e
async def test_listens_on_a_free_port():
    test_app = TestApp(AppModule)
    urls = []
    for _ in range(2):
        async with test_app.listening() as url, httpx.AsyncClient(base_url=url) as client:
            urls.append(url)
            assert (await client.get("/rows")).json() == ["plain", "real"] == await rows_of(test_app)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    assert test_app.url is None


@pytest.mark.e2e
async def test_listens_on_the_port_of_its_settings():
    port = free_port()
    settings = {"NESTPY_HTTP__PORT": str(port)}
    async with TestApp(AppModule, socket=True).with_settings(settings) as app, httpx.AsyncClient() as client:
        assert app.url == f"http://127.0.0.1:{port}"
        assert (await client.get(f"{app.url}/rows")).status_code == 200


@pytest.mark.e2e
async def test_socket_takes_a_free_port_for_port_zero():
    async with TestApp(AppModule, socket=True).with_settings({"NESTPY_HTTP__PORT": "0"}) as app:
        assert int(app.url.rpartition(":")[2]) > 0


async def test_use_before_the_start_is_named():
    app = TestApp(AppModule)
    with pytest.raises(TestAppError, match="has not started"):
        await app.get(Database)
    with pytest.raises(TestAppError, match="has not started"):
        _ = app.http
    async with app:
        with pytest.raises(TestAppError, match="has started already"):
            await app.__aenter__()
        with pytest.raises(TestAppError, match="No plugin offers the client `graphql` for this app; there are: `http`"):
            _ = app.graphql


async def test_start_app_fixture_takes_modules_and_prepared_apps(start_app, unused_port):
    plain = await start_app(AppModule)
    faked = await start_app(TestApp(AppModule).override_provider(Database).use_class(FakeDatabase))
    assert (await rows_of(plain), await rows_of(faked)) == (["plain", "real"], ["plain", "fake"])
    assert unused_port > 0

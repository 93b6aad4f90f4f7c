"""The test app: overrides, settings, clients, sockets, and starts that leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from contextvars import ContextVar
from typing import Annotated, Protocol

import httpx
import msgspec
import pytest

from nestpy_core import (
    APP_GUARD,
    App,
    AppConfig,
    BootError,
    Compiler,
    Edge,
    ExecutionContext,
    Graph,
    NotProvidedError,
    Parameter,
    Scope,
    Serving,
    Token,
    config,
    hookimpl,
    injectable,
    module,
    on_application_shutdown,
    on_module_init,
    provide,
    use_guards,
)
from nestpy_http import HttpModule, Path, controller, get, param
from nestpy_testing import LogCapture, TestApp, TestAppError, free_port

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
        assert (await app.client.get("/rows")).json() == ["plain", "real"]
        client = app.client
    assert client.is_closed
    async with TestApp(AppModule) as app:
        with pytest.raises(TestAppError, match="does not listen"):
            _ = app.client


async def test_use_before_the_start_is_named():
    app = TestApp(AppModule)
    with pytest.raises(TestAppError, match="has not started"):
        await app.get(Database)
    with pytest.raises(TestAppError, match="has not started"):
        _ = app.http
    async with app:
        with pytest.raises(TestAppError, match="has started already"):
            await app.__aenter__()
        with pytest.raises(TestAppError) as caught:
            _ = app.graphql
        assert str(caught.value) == (
            "No plugin offers the client `graphql` for this app; there are: `http`.\n"
            "Hint: import the module of that edge, such as `HttpModule`, in the root module"
        )


async def test_start_app_fixture_takes_modules_and_prepared_apps(start_app, unused_port):
    plain = await start_app(AppModule)
    faked = await start_app(TestApp(AppModule).override_provider(Database).use_class(FakeDatabase))
    assert (await rows_of(plain), await rows_of(faked)) == (["plain", "real"], ["plain", "fake"])
    assert unused_port > 0


SEEN = ContextVar("seen", default="nobody")


@controller("/contexts")
class ContextsController:
    @get("/{name}")
    async def enter(self, name: str) -> str:
        before = SEEN.get()
        SEEN.set(name)
        await asyncio.sleep(0)
        return f"{before} {SEEN.get()}"


@module(imports=[HttpModule.for_root()], providers=[ContextsController])
class ContextsModule: ...


async def test_each_request_runs_in_a_copy_of_the_callers_context():
    async with TestApp(ContextsModule) as app:
        assert (await app.http.get("/contexts/a")).text == "nobody a"
        assert (await app.http.get("/contexts/b")).text == "nobody b"
        async with app.http.stream("GET", "/contexts/c") as answer:
            assert await answer.read() == b"nobody c"
        assert SEEN.get() == "nobody"
        SEEN.set("test")
        answers = await asyncio.gather(*(app.http.get(f"/contexts/{number}") for number in range(20)))
        assert [answer.text for answer in answers] == [f"test {number}" for number in range(20)]


class Refuse:
    def can_activate(self, context: ExecutionContext) -> bool:
        return False


class Admit:
    def can_activate(self, context: ExecutionContext) -> bool:
        return True


class Shout:
    def transform(self, value: str, parameter: Parameter) -> str:
        return value.upper()


class Whisper:
    def transform(self, value: str, parameter: Parameter) -> str:
        return value.lower()


class Timer(Protocol):
    def hour(self) -> int: ...


class Morning:
    def hour(self) -> int:
        return 9


class Evening:
    def hour(self) -> int:
        return 20


@config("shop")
class ShopConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "Corner"


@controller("/shop")
class ShopController:
    timer: Timer
    settings: ShopConfig

    @get("/{name}")
    async def greet(self, name: Annotated[Path[str], param(pipes=[Shout])]) -> str:
        return f"{name} {self.timer.hour()} {self.settings.name}"

    @use_guards(Refuse)
    @get("/back/office")
    async def office(self) -> str:
        return "office"


@module(
    imports=[HttpModule.for_root()],
    providers=[ShopController, ShopConfig, provide(Timer, use_class=Morning)],
)
class ShopModule: ...


async def test_interfaces_guards_pipes_and_configuration_are_overridden():
    async with TestApp(ShopModule) as app:
        assert (await app.http.get("/shop/Ada")).text == "ADA 9 Corner"
        assert (await app.http.get("/shop/back/office")).status == 403

    test_app = TestApp(ShopModule).override_provider(Timer).use_class(Evening)
    test_app.override_provider(Shout).use_class(Whisper).override_provider(Refuse).use_class(Admit)
    test_app.override_provider(ShopConfig).use_value(ShopConfig(name="Mall"))
    async with test_app as app:
        assert (await app.http.get("/shop/Ada")).text == "ada 20 Mall"
        assert (await app.http.get("/shop/back/office")).text == "office"


async def test_global_layers_are_overridden_by_their_token_or_their_class():
    @module(imports=[ShopModule], providers=[provide(APP_GUARD, use_class=Refuse, multi=True)])
    class Guarded: ...

    async with TestApp(Guarded) as app:
        assert (await app.http.get("/shop/Ada")).status == 403
    async with TestApp(Guarded).override_provider(APP_GUARD).use_class(Admit) as app:
        assert (await app.http.get("/shop/Ada")).status == 200
    async with TestApp(Guarded).override_provider(Refuse).use_class(Admit) as app:
        assert (await app.http.get("/shop/Ada")).status == 200
        assert (await app.http.get("/shop/back/office")).status == 200


class Telephone:
    """An edge of a third party without HTTP, and its client."""

    name = "telephone"

    def __init__(self) -> None:
        self.served = False

    def verify(self) -> tuple[()]:
        return ()

    def compile(self, compiler: Compiler) -> None: ...

    def transport(self) -> Telephone:
        return self

    async def serve(self, serving: Serving) -> None:
        self.served = True
        serving.ready()
        await serving.stopping.wait()
        self.served = False


class TelephonePlugin:
    @hookimpl
    def nestpy_edge(self, graph: Graph) -> Edge:
        return Telephone()

    @hookimpl
    def nestpy_client(self, app: App) -> tuple[str, object]:
        (telephone,) = (edge for edge in app.edges if edge.name == "telephone")
        return "telephone", telephone


@module()
class TelephoneModule: ...


async def test_an_app_without_http_runs_its_transports_and_has_no_url(log_capture: LogCapture) -> None:
    async with TestApp(TelephoneModule, socket=True, plugins=[TelephonePlugin()]) as app:
        assert app.telephone.served
        assert app.url is None
        with pytest.raises(TestAppError, match="does not listen to HTTP"):
            assert app.client
    log_capture.expect_none("Nothing reads.*")
    with pytest.raises(TestAppError) as caught:
        async with TestApp(TelephoneModule, plugins=[TelephonePlugin()]).listening():
            pass
    assert str(caught.value) == (
        "This app has no HTTP edge, so that no URL answers.\n"
        "Hint: write `TestApp(…, socket=True)`, which runs whatever transports there are"
    )


async def test_two_clients_of_one_name_are_a_clash() -> None:
    class Copy:
        @hookimpl
        def nestpy_client(self, app: App) -> tuple[str, object]:
            return "telephone", object()

    with pytest.raises(TestAppError) as caught:
        async with TestApp(TelephoneModule, plugins=[TelephonePlugin(), Copy()]):
            pass
    assert "Two plugins offer the client `telephone`" in str(caught.value)
    assert "Telephone" in str(caught.value)

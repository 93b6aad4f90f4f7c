"""The pytest plugin: fixtures, each of which imports what it needs when a test asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ._app import StartApp, TestApp
    from ._fake_clock import FakeClock
    from ._fault_proxy import FaultProxy, OpenProxy
    from ._faults import Faults
    from ._found import Source
    from ._log_capture import LogCapture
    from ._postgres import PostgresProcess, PostgresServer, PrepareDatabase
    from ._redis import RedisProcess, RedisServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where servers for tests come from."""
    text = "where PostgreSQL and Redis come from: auto (the first that answers), env, local or embedded"
    parser.getgroup("nestpy").addoption(
        "--servers", default="", choices=("", "auto", "env", "local", "embedded"), help=text
    )
    parser.addini("nestpy_servers", default="auto", help=text)


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


# -- servers


@pytest.fixture(scope="session")
def server_source(pytestconfig: pytest.Config) -> Source:
    """Return where servers come from: ``--servers``, else ``nestpy_servers`` of the configuration, else ``auto``."""
    source: Source = pytestconfig.getoption("--servers") or pytestconfig.getini("nestpy_servers")
    return source


@pytest.fixture(scope="session")
def postgres_server(server_source: Source) -> Iterator[PostgresServer]:
    """Give the PostgreSQL of this run."""
    from ._postgres import find_postgres

    server = find_postgres(server_source)
    server.reap()
    yield server
    server.close()


@pytest.fixture(scope="session")
def prepare_database() -> PrepareDatabase | None:
    """Fill the template that `postgres_url` copies; override it to return a function that takes its URL."""
    return None


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, prepare_database: PrepareDatabase | None) -> Iterator[str]:
    """Give the URL of a database that is this test's own, a copy of what `prepare_database` fills."""
    with postgres_server.database(prepare_database) as url:
        yield url


@pytest.fixture
def private_postgres() -> Iterator[PostgresProcess]:
    """Give a PostgreSQL of this test's own, which it may kill and restart."""
    from ._postgres import PostgresProcess

    with PostgresProcess() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(server_source: Source) -> Iterator[RedisServer]:
    """Give the Redis of this run."""
    from ._redis import find_redis

    server = find_redis(server_source)
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """Give the URL of a Redis database that is this test's own, and empty."""
    with redis_server.database() as url:
        yield url


@pytest.fixture
def private_redis() -> Iterator[RedisProcess]:
    """Give a Redis of this test's own with an append-only file, which it may kill and restart."""
    from ._redis import RedisProcess

    with RedisProcess() as server:
        yield server


# -- what happens inside the app


@pytest.fixture
def log_capture() -> Iterator[LogCapture]:
    """Capture what is logged during the test."""
    from ._log_capture import LogCapture

    with LogCapture() as capture:
        yield capture


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still until the test advances it."""
    from ._fake_clock import FakeClock

    return FakeClock()


@pytest.fixture
def faults() -> Iterator[Faults]:
    """Give fault points that are armed for this test; nothing happens until it says what."""
    from ._faults import Faults

    with Faults() as armed:
        yield armed


@pytest.fixture
def fault_proxy() -> Iterator[OpenProxy]:
    """Put proxies before servers for this test: ``proxy = fault_proxy(redis_url)``, then ``proxy.url``."""
    from ._fault_proxy import FaultProxy

    with contextlib.ExitStack() as stack:

        def put(target: str, *, seed: int = 0) -> FaultProxy:
            return stack.enter_context(FaultProxy(target, seed=seed))

        yield put

"""One process serves: what the server is told, what it refuses, and each step of the drain."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from nestpy_core import App, module
from nestpy_http import HttpModule, Query, controller, get
from nestpy_http._engine import shares
from nestpy_testing import free_port

pytestmark = pytest.mark.e2e


@controller("/")
class Loops:
    @get("/loop")
    async def loop(self) -> str:
        return type(asyncio.get_running_loop()).__module__

    @get("/slow")
    async def slow(self, seconds: Query[float]) -> str:
        await asyncio.sleep(seconds)
        return "finished"


@pytest.fixture
def listening(make_app):
    """Return ``async with listening(**http_options) as (app, port)``."""

    @contextlib.asynccontextmanager
    async def listen(imports=(), environ=None, **options):
        port = options.setdefault("port", free_port())
        app = make_app(
            Loops, imports=imports, environ={"NESTPY_ENV": "test", **(environ or {})}, host="127.0.0.1", **options
        )
        async with app.create_context(serve=True):
            yield app, port

    return listen


@pytest.fixture
async def ask():
    """Return ``reader, writer = await ask(port, request)``; every connection is closed at the end."""
    writers = []

    async def connect(port, text=b"GET /loop HTTP/1.1\r\nhost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(text)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def answer(reader):
    """Return the head and the body of one answer."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
        return head, await reader.readexactly(length)


async def gone(reader):
    """Return how long the server took to close the connection."""
    started = time.monotonic()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    return time.monotonic() - started


async def refused(port):
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


async def test_drain_delay_serves_on_and_closes_each_connection_with_its_answer(listening, ask):
    async with listening(environ={"NESTPY_APP__DRAIN_DELAY": "0.5"}) as (app, port):
        kept, writer = await ask(port)
        assert "connection: close" not in (await answer(kept))[0]
        slow, _ = await ask(port, b"GET /slow?seconds=1 HTTP/1.1\r\nhost: x\r\n\r\n")
        idle, _ = await ask(port)
        await answer(idle)
        app._run.drain()
        await app._run.draining.wait()
        await asyncio.sleep(0)
        writer.write(b"GET /absent HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _ = await answer(kept)
        assert head.startswith("http/1.1 404")
        assert "connection: close" in head
        await gone(kept)
        fresh, _ = await ask(port)
        head, _ = await answer(fresh)
        assert head.startswith("http/1.1 200")
        assert "connection: close" in head
        await app._run.stopping.wait()
        await refused(port)
        await gone(idle)
        assert (await answer(slow))[1] == b"finished"


async def test_half_a_head_and_an_idle_connection_are_closed_in_time(listening, ask):
    async with listening(header_timeout=0.3) as (_, port):
        half, _ = await ask(port, b"GET /loop HTTP/1.1\r\nhos")
        idle, _ = await ask(port)
        await answer(idle)
        async with asyncio.timeout(5):
            await half.read()
            await idle.read()
        assert (await answer((await ask(port))[0]))[1]


async def test_connection_waits_when_as_many_as_backpressure_says_are_idle(listening, ask):
    async with listening(backpressure=2, runtime_threads=1) as (_, port):
        first, first_writer = await ask(port)
        second, _ = await ask(port)
        await answer(first)
        await answer(second)
        third, _ = await ask(port)
        waiting = asyncio.ensure_future(answer(third))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done, "backpressure became a limit of requests: say so in the README"
        first_writer.close()
        assert (await waiting)[1]


async def test_threads_share_the_connections_that_backpressure_allows(listening, ask):
    async with listening(backpressure=3, runtime_threads=2) as (_, port):
        idle = [await ask(port) for _ in range(3)]
        for reader, _ in idle:
            await answer(reader)
        late, _ = await ask(port)
        waiting = asyncio.ensure_future(answer(late))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        for _, writer in idle:
            writer.close()
        assert (await waiting)[1]


@pytest.mark.parametrize(
    ("connections", "threads", "expected"), [(65536, 2, [32768, 32768]), (5, 3, [2, 2, 1]), (2, 16, [1, 1])]
)
def test_shares_of_threads_add_up_and_none_is_empty(connections, threads, expected):
    assert shares(connections, threads) == expected


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux tells them")
def test_runtime_threads_are_as_many_as_the_setting_says(start_server):
    servers = [start_server(NESTPY_HTTP__RUNTIME_THREADS=str(count)) for count in (1, 2, 3)]

    def counts():
        return [len(list(Path(f"/proc/{served.process.pid}/task").iterdir())) for served in servers]

    for served in servers:
        served.until(lambda served=served: served.get("/pid"))
    servers[0].until(lambda: (found := counts())[2] - found[1] == found[1] - found[0] > 0)


async def test_port_zero_takes_a_free_one_and_tells_it(listening, ask, caplog):
    caplog.set_level(logging.INFO, "nestpy.http")
    async with listening(port=0):
        line = next(record.getMessage() for record in caplog.records if record.name == "nestpy.http")
        port = int(line.removeprefix("listening on http://127.0.0.1:"))
        assert (await answer((await ask(port))[0]))[0].startswith("http/1.1 200")


async def test_address_may_come_from_a_factory(ask):
    port = free_port()

    @module(imports=[HttpModule.for_root_async(lambda: {"host": "127.0.0.1", "port": port})], providers=[Loops])
    class AppModule: ...

    async with App(AppModule, environ={"NESTPY_ENV": "test"}).create_context(serve=True):
        assert (await answer((await ask(port))[0]))[0].startswith("http/1.1 200")


async def test_plain_http_speaks_neither_http_2_nor_websockets(listening, ask):
    async with listening() as (_, port):
        reader, _ = await ask(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        async with asyncio.timeout(5):
            assert not (await reader.read()).startswith(b"\x00\x00")
        upgrade = (
            b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n"
        )
        reader, _ = await ask(port, b"GET /loop HTTP/1.1\r\nhost: x\r\n" + upgrade + b"\r\n")
        assert (await answer(reader))[0].startswith("http/1.1 200")


async def test_two_apps_on_one_loop_drain_apart(listening, ask):
    async with listening() as (_, port):
        slow, _ = await ask(port, b"GET /slow?seconds=0.6 HTTP/1.1\r\nhost: x\r\n\r\n")
        async with listening(environ={"NESTPY_APP__FINISH_TIMEOUT": "0.1"}) as (_, other):
            hung, _ = await ask(other, b"GET /slow?seconds=60 HTTP/1.1\r\nhost: x\r\n\r\n")
            await asyncio.sleep(0.05)
        head, body = await answer(hung)
        assert head.startswith("http/1.1 503")
        assert "retry-after: 1" in head
        assert b"The server is stopping" in body
        assert (await answer(slow))[1] == b"finished"


def test_an_app_that_serves_has_loaded_no_backend_of_anyio(start_server):
    served = start_server()
    served.until(served.accepts)
    assert served.get("/loaded?name=nestpy_http._engine").json() is True
    assert served.get("/loaded?name=anyio._backends._asyncio").json() is False
    assert served.end() == 0


@pytest.mark.parametrize("path", ["/thread", "/block"], ids=["hung thread", "blocked loop"])
def test_loop_is_uvloop_and_nothing_that_hangs_holds_the_process(start_server, path):
    served = start_server(NESTPY_APP__SHUTDOWN_TIMEOUT="0.2", NESTPY_APP__FINISH_TIMEOUT="0.1")
    served.until(lambda: served.get("/pid"))
    assert served.get("/loop").text == "uvloop"
    hung = threading.Thread(target=attempt, args=[served, path])
    hung.start()
    served.until(lambda: served.pids("began"))
    assert served.end(signal.SIGTERM, 15) == 1
    hung.join()
    assert not served.accepts()


def test_second_signal_ends_the_process_though_a_handler_blocks_it(start_server):
    served = start_server()
    served.until(lambda: served.get("/pid"))
    hung = threading.Thread(target=attempt, args=[served, "/block"])
    hung.start()
    served.until(lambda: served.pids("began"))
    served.process.send_signal(signal.SIGTERM)
    assert served.end(signal.SIGINT, 10) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    hung.join()


def attempt(served, path):
    with contextlib.suppress(httpx.TransportError):
        served.get(path)


def test_listening_socket_belongs_to_nobody_else(start_server):
    served = start_server()
    served.until(served.accepts)
    with socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            rival.bind(("127.0.0.1", served.port))
    assert served.end() == 0

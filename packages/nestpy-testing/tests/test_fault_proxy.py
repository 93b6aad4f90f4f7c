"""The proxy makes a network slow, lossy and dead, over real Redis, PostgreSQL and HTTP, and well again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time

import asyncpg
import httpx
import pytest
import redis.asyncio
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError, TimeoutError as RedisTimeoutError

from nestpy_core import module
from nestpy_http import Body, HttpModule, controller, get, post
from nestpy_testing import FaultProxy, TestApp, TestAppError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

SHORT = 0.3


@pytest.fixture
def proxy(redis_url, fault_proxy):
    return fault_proxy(redis_url)


@pytest.fixture
def client(proxy):
    with Redis.from_url(proxy.url, socket_timeout=10, retry=None) as client:
        yield client


@pytest.fixture
def impatient(proxy):
    with Redis.from_url(proxy.url, socket_timeout=SHORT, retry=None) as client:
        yield client


def took(function):
    before = time.monotonic()
    function()
    return time.monotonic() - before


def test_bytes_pass_unchanged(proxy, client):
    value = bytes(range(256)) * 8000
    client.set("value", value)
    assert client.get("value") == value
    assert (proxy.accepted, proxy.connections) == (1, 1)


def test_latency_delays_each_way_and_does_not_limit_throughput(proxy, client):
    client.ping()
    proxy.slow(0.05, jitter=0.01)
    assert took(client.ping) >= 0.1
    with client.pipeline(transaction=False) as pipeline:
        for number in range(200):
            pipeline.set(f"k{number}", "x" * 1000)
        assert 0.1 <= took(pipeline.execute) < 200 * 0.1
    proxy.heal()
    assert took(client.ping) < 5


def test_bandwidth_bounds_how_much_passes(proxy, client):
    client.set("value", "x" * 20_000)
    proxy.throttle(50_000)
    assert took(lambda: client.get("value")) >= 0.3


def test_slices_arrive_one_by_one(proxy, client):
    client.set("value", "x" * 1000)
    proxy.down.slice = 7
    assert client.get("value") == b"x" * 1000


def test_cut_connection_is_reset_and_the_next_one_works(proxy):
    host, port = "127.0.0.1", proxy.port
    with socket.create_connection((host, port), 10) as raw:
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            raw.recv(100)
    with socket.create_connection((host, port), 10) as raw:
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"


def test_reply_is_cut_in_its_middle(proxy, client):
    client.set("value", "x" * 1000)
    proxy.cut_after(500)
    with pytest.raises(RedisConnectionError):
        client.get("value")
    proxy.heal()
    assert client.get("value") == b"x" * 1000


def test_request_that_is_cut_never_arrives_whole(proxy, client):
    client.set("value", "before")
    proxy.cut_after(40, up=True)
    with pytest.raises(RedisConnectionError):
        client.set("value", "x" * 1000)
    proxy.heal()
    assert client.get("value") == b"before"


def test_black_hole_answers_nobody_old_and_new_and_heals_through_a_reset(proxy, impatient):
    impatient.ping()
    proxy.black_hole()
    with pytest.raises(RedisTimeoutError):
        impatient.ping()
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        raw.sendall(b"PING\r\n")
        raw.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            raw.recv(100)
        proxy.heal()
        raw.settimeout(10)
        with pytest.raises(ConnectionResetError):
            raw.recv(100)
    assert impatient.ping()


def test_connection_that_lost_bytes_is_reset_and_one_that_lost_none_goes_on(proxy):
    address = ("127.0.0.1", proxy.port)
    with socket.create_connection(address, 10) as lost, socket.create_connection(address, 10) as idle:
        for raw in (lost, idle):
            raw.sendall(b"PING\r\n")
            assert raw.recv(100) == b"+PONG\r\n"
        proxy.black_hole()
        lost.sendall(b"PING\r\n")
        lost.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            lost.recv(100)
        proxy.heal()
        lost.settimeout(10)
        with pytest.raises(ConnectionResetError):
            lost.recv(100)
        idle.sendall(b"PING\r\n")
        assert idle.recv(100) == b"+PONG\r\n"


def test_pause_holds_back_and_resume_delivers(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"
        proxy.pause()
        raw.sendall(b"PING\r\n")
        raw.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            raw.recv(100)
        raw.settimeout(10)
        proxy.resume()
        assert raw.recv(100) == b"+PONG\r\n"


def test_half_close_ends_one_way_only(proxy, redis_url):
    with Redis.from_url(redis_url) as direct, socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        number = redis_url.rpartition("/")[2]
        raw.sendall(f"SELECT {number}\r\n".encode())
        assert raw.recv(100) == b"+OK\r\n"
        proxy.half_close()
        assert raw.recv(100) == b""
        raw.sendall(b"SET half closed\r\n")
        ends = time.monotonic() + 10
        while direct.get("half") is None and time.monotonic() < ends:
            time.sleep(0.01)
        assert direct.get("half") == b"closed"


def test_refused_connections_are_refused_until_it_heals(proxy, client):
    client.ping()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), 10)
    with pytest.raises(RedisConnectionError):
        client.ping()
    proxy.heal()
    assert client.ping()


def test_server_that_is_down_resets_the_client(fault_proxy, unused_port):
    proxy = fault_proxy(f"127.0.0.1:{unused_port}")
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", proxy.port), 10) as raw:
        raw.recv(1)


def test_reset_of_one_side_reaches_the_other(fault_proxy):
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = fault_proxy(f"127.0.0.1:{server.getsockname()[1]}")
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
            client.sendall(b"x")
            peer, _ = server.accept()
            assert peer.recv(1) == b"x"
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionResetError):
                client.recv(1)


async def test_async_client_reconnects_after_a_cut(proxy):
    async with redis.asyncio.from_url(proxy.url) as client:
        assert await client.ping()
        proxy.cut()
        with contextlib.suppress(RedisConnectionError):
            await client.ping()
        assert await client.set("a", "b")
    assert proxy.accepted == 2


async def test_postgres_behind_the_proxy(postgres_url, fault_proxy):
    proxy = fault_proxy(postgres_url)
    connection = await asyncpg.connect(proxy.url)
    assert await connection.fetchval("SELECT 1") == 1
    proxy.slow(0.05)
    before = time.monotonic()
    await connection.fetchval("SELECT 1")
    assert time.monotonic() - before >= 0.1
    proxy.heal()
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT 1", timeout=SHORT)
    proxy.heal()
    connection.terminate()
    connection = await asyncpg.connect(proxy.url)
    asked = asyncio.create_task(connection.fetchval("SELECT pg_sleep(30)"))
    await asyncio.sleep(0.05)
    proxy.cut()
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        await asked


@controller("/")
class EchoController:
    @get("/")
    async def hello(self) -> str:
        return "x" * 100_000

    @post("/")
    async def length(self, body: Body[dict[str, str]]) -> int:
        return len(body["text"])


@module(imports=[HttpModule.for_root()], providers=[EchoController])
class AppModule: ...


async def test_http_behind_the_proxy(fault_proxy):
    async with TestApp(AppModule).listening() as url:
        proxy = fault_proxy(url)
        async with httpx.AsyncClient(base_url=proxy.url, timeout=10) as client:
            assert len((await client.get("/")).text) == 100_000
            proxy.down.slice = 1000
            assert len((await client.get("/")).text) == 100_000
            assert (await client.post("/", json={"text": "x" * 9000})).text == "9000"
            proxy.cut_after(50_000)
            with pytest.raises(httpx.TransportError):
                await client.get("/")
            proxy.heal()
            proxy.black_hole()
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/", timeout=SHORT)
            proxy.heal()
            assert (await client.get("/")).status_code == 200


def test_closing_over_open_connections_logs_nothing(redis_url, caplog):
    proxy = FaultProxy(redis_url).start()
    with Redis.from_url(proxy.url, retry=None) as carried:
        carried.ping()
        proxy.black_hole()
        with socket.create_connection(("127.0.0.1", proxy.port)):
            while proxy.connections < 2:
                time.sleep(0.005)
            proxy.close()
    assert proxy.connections == 0
    assert caplog.records == []


def test_target_has_a_host_and_a_port():
    with pytest.raises(TestAppError, match="needs a host and a port"):
        FaultProxy("somewhere")
    proxy = FaultProxy("redis://user:pass@10.0.0.1/3")
    assert proxy.url == f"redis://user:pass@127.0.0.1:{proxy.port}/3"
    proxy.close()

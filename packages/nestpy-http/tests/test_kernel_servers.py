"""One kernel answers alike in-process, under granian and under an ASGI server."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import httpx
import pytest

from nestpy_http._asgi import asgi
from nestpy_http._client import HttpClient

pytestmark = [pytest.mark.anyio]

IGNORED = {"date", "server", "transfer-encoding", "connection"}


async def kernel(scope, protocol):
    await KERNELS[scope.path.split("/")[1]](scope, protocol)


async def echo(scope, protocol):
    body = await protocol()
    headers = {name: scope.headers.get_all(name) for name in ("x-a", "content-type", "content-length", "x-none")}
    text = ascii([scope.method, scope.path, scope.query_string, scope.proto, scope.scheme, headers, body])
    protocol.response_str(200, [("Content-Type", "text/plain; charset=utf-8")], text)


async def chunked(scope, protocol):
    protocol.response_bytes(200, [], b"|".join([chunk async for chunk in protocol if chunk]))


async def empty(scope, protocol):
    protocol.response_empty(int(scope.query_string), [("x-set", "1")])


async def body(scope, protocol):
    protocol.response_bytes(int(scope.query_string), [("content-type", "a/b")], b"xyz")


async def cookies(scope, protocol):
    protocol.response_str(200, [("set-cookie", "a=1"), ("set-cookie", "b=2")], "é")


async def stream(scope, protocol):
    transport = protocol.response_stream(200, [("content-type", "text/event-stream")])
    await transport.send_bytes(b"one ")
    await transport.send_str("zwei é")


async def sized(scope, protocol):
    transport = protocol.response_stream(200, [("content-length", "2")])
    await transport.send_bytes(b"ab")


async def latin(scope, protocol):
    protocol.response_str(200, [("x-l", "é"), ("x-s", "a b"), ("x-e", "")], "")


async def twice(scope, protocol):
    protocol.response_str(200, [], "first")
    protocol.response_str(400, [], "second")


async def nothing(scope, protocol):
    pass


async def file(scope, protocol):
    protocol.response_file(200, [("content-type", "text/plain")], scope.headers.get("x-file"))


async def part(scope, protocol):
    protocol.response_file_range(206, [], scope.headers.get("x-file"), 2, int(scope.query_string))


KERNELS = {
    function.__name__: function
    for function in (echo, chunked, empty, body, cookies, stream, sized, latin, twice, nothing, file, part)
}

CASES = {
    "path is decoded": ("GET", "/echo/a%20b%2Fc+d/%C3%A9", {}),
    "path that is not UTF-8": ("GET", "/echo/%ff", {}),
    "path with a percent sign": ("GET", "/echo/%zz", {}),
    "path with empty segments": ("GET", "/echo//x//", {}),
    "query stays raw": ("GET", "/echo?q=%20%C3%A9+&r", {}),
    "repeated headers": ("GET", "/echo", {"headers": [("X-A", "1"), ("x-a", "2")]}),
    "json body": ("POST", "/echo", {"json": {"a": [1, "é"]}}),
    "text body": ("PUT", "/echo", {"content": b"abc", "headers": {"content-type": "text/plain"}}),
    "form body": ("PATCH", "/echo", {"data": {"a": ["1", "2"], "b": "x y"}}),
    "post without body": ("POST", "/echo", {}),
    "delete without body": ("DELETE", "/echo", {}),
    "empty body in chunks": ("GET", "/chunked", {}),
    "body in chunks": ("POST", "/chunked", {"content": b"abc"}),
    "empty 200": ("GET", "/empty?200", {}),
    "empty 204": ("GET", "/empty?204", {}),
    "empty HEAD": ("HEAD", "/empty?200", {}),
    "bytes": ("GET", "/body?201", {}),
    "bytes HEAD": ("HEAD", "/body?200", {}),
    "bytes 204": ("GET", "/body?204", {}),
    "bytes 304": ("GET", "/body?304", {}),
    "two cookies": ("GET", "/cookies", {}),
    "stream": ("GET", "/stream", {}),
    "stream HEAD": ("HEAD", "/stream", {}),
    "stream of a stated length": ("GET", "/sized", {}),
    "header values outside ASCII": ("GET", "/latin", {}),
    "header values outside ASCII come in": ("GET", "/echo", {"headers": [("x-a", "é".encode()), ("x-a", "b")]}),
    "first answer counts": ("GET", "/twice", {}),
    "no answer": ("GET", "/nothing", {}),
    "file": ("GET", "/file", {"headers": {"x-file": "FILE"}}),
    "file HEAD": ("HEAD", "/file", {"headers": {"x-file": "FILE"}}),
    "missing file": ("GET", "/file", {"headers": {"x-file": "FILE.none"}}),
    "part of a file": ("GET", "/part?5", {"headers": {"x-file": "FILE"}}),
    "part beyond the end": ("GET", "/part?500", {"headers": {"x-file": "FILE"}}),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def connectable(port):
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server does not listen")


@contextlib.asynccontextmanager
async def granian_server():
    from granian.constants import Interfaces
    from granian.server.embed import Server

    port = free_port()
    server = Server(kernel, "127.0.0.1", port, interface=Interfaces.RSGI, log_enabled=False)
    task = asyncio.create_task(server.serve())
    await connectable(port)
    yield port
    server.stop()
    await task


@contextlib.asynccontextmanager
async def asgi_server():
    import uvicorn

    async def app(scope, receive, send):
        await asgi(kernel, scope, receive, send)

    port = free_port()
    config = uvicorn.Config(app, port=port, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    await connectable(port)
    yield port
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
async def servers():
    async with (
        granian_server() as granian,
        asgi_server() as uvicorn,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{granian}") as first,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{uvicorn}") as second,
    ):
        yield first, second


def options_with_file(options, path):
    headers = options.get("headers")
    if not isinstance(headers, dict) or "x-file" not in headers:
        return options
    return {**options, "headers": {"x-file": headers["x-file"].replace("FILE", str(path))}}


@pytest.mark.e2e
@pytest.mark.parametrize("name", CASES)
async def test_client_and_servers_give_the_same_answer(name, servers, tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes(b"0123456789")
    method, target, options = CASES[name]
    options = options_with_file(options, path)

    mine = await HttpClient(kernel, host="127.0.0.1").request(method, target, **options)
    answers = [await server.request(method, target, **options) for server in servers]

    expected = (mine.status, sorted(mine.headers.items()), mine.content)
    for answer in answers:
        headers = [(key, value) for key, value in answer.headers.multi_items() if key not in IGNORED]
        if name == "no answer" and answer is answers[1]:
            assert answer.status_code == 500
            continue
        assert (answer.status_code, sorted(headers), answer.content) == expected

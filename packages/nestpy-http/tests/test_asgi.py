"""The ASGI adapter: scopes under RSGI's names, bodies, disconnects and answers."""

from __future__ import annotations

import asyncio

import pytest

from nestpy_http._asgi import asgi, scope_of
from nestpy_http._headers import Headers
from nestpy_http._protocol import ProtocolClosedError, ProtocolMisuseError

pytestmark = pytest.mark.anyio


def http_scope(**changes):
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "client": ("10.0.0.1", 5),
        "server": ("10.0.0.2", 80),
        **changes,
    }


async def run(kernel, messages=(), **changes):
    inbox = asyncio.Queue()
    for message in messages:
        inbox.put_nowait(message)
    sent = []

    async def send(message):
        sent.append(message)

    await asgi(kernel, http_scope(**changes), inbox.get, send)
    return sent


def test_scope_carries_addresses_as_text():
    assert scope_of(http_scope()).client == "10.0.0.1:5"
    assert scope_of(http_scope(client=("::1", 5))).client == "[::1]:5"
    assert scope_of(http_scope(client=None)).client == ""
    assert scope_of(http_scope(server=("app.sock", None))).server == "unix:app.sock"


def test_root_path_is_taken_off_the_path():
    assert scope_of(http_scope(path="/api/x", root_path="/api")).path == "/x"
    assert scope_of(http_scope(path="/api", root_path="/api")).path == "/"
    assert scope_of(http_scope(path="/x", root_path="")).path == "/x"


def test_authority_is_known_from_http_2_on():
    headers = [(b"host", b"h")]
    assert scope_of(http_scope(headers=headers)).authority is None
    assert scope_of(http_scope(headers=headers, http_version="2")).authority == "h"


def test_headers_are_read_in_any_case_and_repeated_ones_kept():
    headers = Headers.of_request([("X-A", "1"), ("x-a", "2"), ("B", "3"), ("c", "é")])

    assert (headers.get("x-A"), headers["X-a"], headers.get("c"), headers.get("z", 0)) == ("1", "1", None, 0)
    assert headers.get_all("X-A") == ["1", "2"]
    assert headers.items() == [("x-a", "1"), ("x-a", "2"), ("b", "3")]
    assert headers.keys() == list(headers) == ["x-a", "b"]
    assert headers.values() == ["1", "2", "3"]
    assert ("X-A" in headers, "c" in headers, 1 in headers, len(headers)) == (True, False, False, 2)


async def test_websocket_is_refused():
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await asgi(None, {"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_answer_has_its_content_length():
    async def kernel(scope, protocol):
        protocol.response_str(200, [("X-A", "1")], "é")

    assert await run(kernel) == [
        {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1"), (b"content-length", b"2")]},
        {"type": "http.response.body", "body": "é".encode(), "more_body": False},
    ]


async def test_stream_starts_before_its_first_chunk():
    inbox, sent, go = asyncio.Queue(), [], asyncio.Event()

    async def send(message):
        sent.append(message["type"])

    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [])
        await go.wait()
        await transport.send_bytes(b"x")

    task = asyncio.create_task(asgi(kernel, http_scope(), inbox.get, send))
    while not sent:
        await asyncio.sleep(0)
    assert sent == ["http.response.start"]
    go.set()
    await task
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]


async def test_interrupted_stream_stays_unfinished():
    sent = []

    async def send(message):
        sent.append(message)

    async def kernel(scope, protocol):
        await protocol.response_stream(200, []).send_bytes(b"x")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await asgi(kernel, http_scope(), asyncio.Queue().get, send)
    assert sent[-1]["more_body"] is True


async def test_answer_is_sent_although_the_kernel_fails_after_it():
    sent = []

    async def send(message):
        sent.append(message)

    async def kernel(scope, protocol):
        protocol.response_str(200, [], "ok")
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await asgi(kernel, http_scope(), asyncio.Queue().get, send)
    assert sent[-1] == {"type": "http.response.body", "body": b"ok", "more_body": False}


async def test_body_is_read_once():
    async def kernel(scope, protocol):
        assert await protocol() == b"abc"
        with pytest.raises(ProtocolMisuseError):
            await protocol()

    part = {"type": "http.request", "body": b"ab", "more_body": True}
    await run(kernel, [part, {"type": "http.request", "body": b"c"}])


async def test_client_that_leaves_mid_body_is_an_error():
    async def kernel(scope, protocol):
        with pytest.raises(ProtocolClosedError):
            await protocol()

    await run(kernel, [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.disconnect"}])


async def test_disconnect_is_noticed_while_the_body_is_read():
    async def kernel(scope, protocol):
        watcher = asyncio.create_task(protocol.client_disconnect())
        await asyncio.sleep(0)
        assert await protocol() == b"abcd"
        await watcher

    parts = [{"type": "http.request", "body": body, "more_body": body != b"d"} for body in (b"a", b"b", b"c", b"d")]
    await run(kernel, [*parts, {"type": "http.disconnect"}])


async def test_stream_to_a_client_that_has_gone_ends_although_the_server_swallows_it():
    inbox = asyncio.Queue()
    inbox.put_nowait({"type": "http.request"})
    chunks = 0

    async def send(message):
        nonlocal chunks
        chunks += 1
        await asyncio.sleep(0)
        if chunks == 5:
            inbox.put_nowait({"type": "http.disconnect"})

    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [])
        while True:
            await transport.send_bytes(b"x")

    with pytest.raises(ProtocolClosedError):
        await asgi(kernel, http_scope(), inbox.get, send)
    assert chunks < 20


async def test_finished_stream_leaves_no_task_behind():
    async def kernel(scope, protocol):
        await protocol.response_stream(200, []).send_bytes(b"x")

    before = asyncio.all_tasks()
    await run(kernel, [{"type": "http.request"}])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_send_to_a_client_that_has_gone_is_an_error():
    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [])
        with pytest.raises(ProtocolClosedError):
            await transport.send_bytes(b"x")
        raise KeyError

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError

    with pytest.raises(KeyError):
        await asgi(kernel, http_scope(), asyncio.Queue().get, send)

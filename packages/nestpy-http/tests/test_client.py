"""The client without a socket: what it sends, what it gives back, and streams."""

from __future__ import annotations

import asyncio

import pytest

from nestpy_http import File, Form, Upload, controller, post
from nestpy_http._client import HttpClient
from nestpy_http._protocol import ProtocolClosedError

pytestmark = pytest.mark.anyio


async def echo(scope, protocol):
    body = (await protocol()).decode()
    protocol.response_str(
        200, [("Content-Type", "Text/Plain; charset=utf-8")], f"{scope.method} {scope.path}?{scope.query_string} {body}"
    )


async def headers_of(scope, protocol):
    protocol.response_str(200, [], repr(scope.headers.items()))


async def test_every_verb_is_sent():
    client = HttpClient(echo)
    for verb in ("get", "post", "put", "patch", "delete", "options"):
        answer = await getattr(client, verb)("/x")
        assert answer.text == f"{verb.upper()} /x? "
    assert (await client.head("/x")).content == b""
    assert (await client.request("purge", "/x")).text == "PURGE /x? "


async def test_parameters_join_the_query():
    client = HttpClient(echo)
    params = {"a": [1, 2], "b": True, "c": None, "d": "x y"}
    assert (await client.get("/x?z=0", params=params)).text == "GET /x?z=0&a=1&a=2&b=true&c=&d=x+y "
    assert (await client.get("/x", params=[("a", 1), ("a", 2)])).text == "GET /x?a=1&a=2 "


async def test_target_is_encoded_and_decoded_as_on_the_wire():
    client = HttpClient(echo)
    assert (await client.get("/é/%C3%A9?q=é x#part")).text == "GET /é/é?q=%C3%A9%20x "


async def test_body_says_its_type_and_length():
    client = HttpClient(headers_of, headers={"X-A": "client", "accept": "*/*"}, host="example.org")
    json = await client.post("/", json={"a": 1}, headers={"x-a": "request"})
    assert json.text == repr(
        [
            ("host", "example.org"),
            ("content-type", "application/json"),
            ("content-length", "7"),
            ("accept", "*/*"),
            ("x-a", "request"),
        ]
    )
    form = await client.post("/", data={"a": "1"})
    assert "('content-type', 'application/x-www-form-urlencoded')" in form.text


async def test_body_of_unknown_length_is_sent_in_chunks():
    async def count(scope, protocol):
        chunks = [chunk async for chunk in protocol]
        protocol.response_str(200, [], f"{chunks} {scope.headers.items()}")

    async def body():
        yield b"a"
        yield b"b"

    answer = await HttpClient(count).post("/", content=body())
    assert answer.text == "[b'a', b'b'] [('host', 'localhost'), ('transfer-encoding', 'chunked')]"


async def test_two_bodies_are_refused():
    with pytest.raises(TypeError, match="one of `json`, `content` and `data`"):
        await HttpClient(echo).post("/", json=1, data={})
    with pytest.raises(TypeError, match="give `files` alone or with `data`"):
        await HttpClient(echo).post("/", json=1, files={"a": b""})


async def test_files_are_a_form(serving):
    @controller("/")
    class UploadController:
        @post("/")
        async def take(self, files: File[list[Upload]], title: Form[str]) -> list[str]:
            return [title, *[f"{one.filename} {one.media_type} {await one.read()!r}" for one in files]]

    given = [("files", "a"), ("files", ("b.txt", b"b\r\n--", "text/plain")), ("files", ('q"é.txt', "c"))]
    seen = [
        "x y&z",
        "files application/octet-stream b'a'",
        "b.txt text/plain b'b\\r\\n--'",
        "q%22é.txt application/octet-stream b'c'",
    ]
    async with serving(UploadController) as http:
        answer = await http.post("/", files=given, data={"title": "x y&z"})
        assert (answer.status, answer.json()) == (201, seen)
        assert (await http.post("/", files={"files": b"", "other": b""}, data={"title": "x"})).status == 400


async def test_answer_is_read_as_text_and_json():
    async def kernel(scope, protocol):
        protocol.response_bytes(201, [("content-type", "application/problem+json")], b'{"a": [1]}')

    answer = await HttpClient(kernel).get("/")
    assert (answer.status, answer.media_type, answer.json(), answer.text) == (
        201,
        "application/problem+json",
        {"a": [1]},
        '{"a": [1]}',
    )
    assert answer.json(dict[str, list[int]]) == {"a": [1]}


async def test_error_of_the_kernel_reaches_the_test():
    async def kernel(scope, protocol):
        raise LookupError("a bug")

    client = HttpClient(kernel)
    with pytest.raises(LookupError, match="a bug"):
        await client.get("/")
    with pytest.raises(LookupError, match="a bug"):
        async with client.stream("GET", "/"):
            pass


async def test_stream_arrives_while_the_kernel_runs():
    go = asyncio.Event()

    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [("content-type", "text/event-stream")])
        await transport.send_str("one")
        await go.wait()
        await transport.send_bytes(b"two")

    async with HttpClient(kernel).stream("GET", "/") as answer:
        assert (answer.status, answer.media_type) == (200, "text/event-stream")
        chunks = aiter(answer)
        assert await anext(chunks) == b"one"
        go.set()
        assert await anext(chunks) == b"two"
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_leaving_a_stream_hangs_up():
    seen = []

    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [])
        await transport.send_str("one")
        await protocol.client_disconnect()
        try:
            await transport.send_str("two")
        except ProtocolClosedError:
            seen.append("closed")
            raise

    async with HttpClient(kernel).stream("GET", "/") as answer:
        assert await anext(aiter(answer)) == b"one"
    assert seen == ["closed"]


async def test_unread_stream_makes_the_kernel_wait():
    sent = []

    async def kernel(scope, protocol):
        transport = protocol.response_stream(200, [])
        while True:
            await transport.send_str("x")
            sent.append(1)

    async with HttpClient(kernel).stream("GET", "/"):
        for _ in range(500):
            await asyncio.sleep(0)
        assert 0 < len(sent) < 100


async def test_whole_answer_can_be_streamed():
    async with HttpClient(echo).stream("POST", "/x", content="abc") as answer:
        assert await answer.read() == b"POST /x? abc"


async def test_failure_mid_stream_reaches_the_reader():
    async def kernel(scope, protocol):
        await protocol.response_stream(200, []).send_str("one")
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        async with HttpClient(kernel).stream("GET", "/") as answer:
            await answer.read()

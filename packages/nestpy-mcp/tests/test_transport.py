"""Streamable HTTP: revisions, headers, limits, batches, pages, and what an attacker sends."""

import asyncio
from typing import Any

import msgspec
import pytest

from nestpy_core import App, module, public
from nestpy_http import HttpModule
from nestpy_mcp import McpClient, McpModule, McpRefusedError, McpRequest, Text, mcp, resource, tool
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
CALLS: list[str] = []


@public
@mcp()
class Tools:
    @tool()
    async def first(self) -> str:
        """Be first."""
        CALLS.append("first")
        return "1"

    @tool()
    async def second(self, request: McpRequest) -> str:
        """Be second."""
        await request.progress(1, 2, "half")
        await request.log("debug", "unwanted")
        await request.log("warning", {"step": 1})
        return "2"

    @tool()
    async def third(self) -> Text:
        """Be third."""
        return Text("3")

    @resource("post://{id}")
    async def post(self, id: int) -> dict[str, int]:
        return {"id": id}


@module(imports=[HttpModule.for_root(), McpModule.for_root(page_size=2, max_body_bytes=20_000)], providers=[Tools])
class AppModule: ...


@pytest.fixture
async def app() -> Any:
    CALLS.clear()
    async with TestApp(App(AppModule)) as app:
        yield app


def ping(number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "ping"}


def called(name: str = "first") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
async def test_every_revision_lists_and_calls(app: Any, version: str) -> None:
    client: McpClient = app.mcp(version=version)
    if version != "2026-07-28":
        assert (await client.initialize())["protocolVersion"] == version
    assert [one["name"] for one in await client.tools()] == ["first", "second", "third"]
    assert (await client.call_tool("first"))["content"] == [{"type": "text", "text": "1"}]
    assert (await client.read_resource("post://7"))["contents"][0]["text"] == '{"id":7}'


async def test_an_unknown_revision_is_answered_with_the_newest_handshake(app: Any) -> None:
    assert (await app.mcp(version="2025-11-25").call("initialize", {"protocolVersion": "1999-01-01"}))[
        "protocolVersion"
    ] == "2025-11-25"


async def test_the_newest_revision_needs_no_handshake_and_says_so(app: Any) -> None:
    client = app.mcp(version="2026-07-28")
    found = await client.call("server/discover")
    assert found["supportedVersions"][0] == "2026-07-28"
    assert (found["resultType"], found["ttlMs"], found["cacheScope"]) == ("complete", 0, "private")
    listed = await client.call("tools/list")
    assert listed["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "nestpy"
    for method in ("initialize", "ping", "logging/setLevel"):
        with pytest.raises(McpRefusedError) as refused:
            await client.call(method)
        assert (refused.value.code, refused.value.status) == (-32601, 404)


async def test_headers_and_body_of_the_newest_revision_must_agree(app: Any) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "first", "_meta": meta}}
    client = app.mcp(version="2026-07-28")
    good = await client.post(message, mcp_method="tools/call", mcp_name="first")
    assert good.status == 200
    for headers, code in (
        ({"mcp_method": "tools/list", "mcp_name": "first"}, -32020),
        ({"mcp_method": "tools/call", "mcp_name": "third"}, -32020),
        ({"mcp_method": "tools/call"}, -32020),
        ({"mcp_method": "tools/call", "mcp_name": "first", "mcp_protocol_version": "2025-06-18"}, None),
    ):
        answer = await client.post(message, **headers)
        if code is not None:
            assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    answer = await client.post(bare, mcp_method="tools/list")
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32602)
    assert CALLS.count("first") == 2


async def test_a_version_that_nobody_speaks_is_refused_with_those_that_are(app: Any) -> None:
    answer = await app.mcp(version="2030-01-01").post(ping())
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32022)
    assert "2025-11-25" in answer.json()["error"]["data"]["supported"]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost:80:90", "localhost:x", "[::1", ""]
)
async def test_another_host_is_misdirected_before_the_body_is_read(app: Any, host: str) -> None:
    answer = await app.mcp(headers={"host": host}).post(b"{" * 1_000_000)
    assert answer.status in (400, 421)
    assert answer.status == 421 or host == "" or "[" in host or ":" in host


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
async def test_a_foreign_host_is_refused_on_every_address_while_the_body_is_still_to_come(address: str) -> None:
    settings = {"NESTPY_HTTP__HOST": address}
    async with asyncio.timeout(100), TestApp(App(AppModule), socket=True).with_settings(settings) as app:
        port = int(app.url.rpartition(":")[2])
        for head, status in (
            ("Host: evil.example", b"421"),
            ("Host: localhost\r\nOrigin: https://evil.example", b"403"),
            ("Host: localhost\r\nOrigin: null", b"403"),
            ("Host: localhost", b""),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            lines = f"POST /mcp HTTP/1.1\r\n{head}\r\nContent-Type: application/json\r\nContent-Length: 19999\r\n\r\n"
            writer.write(lines.encode())
            await writer.drain()
            if status:
                assert (await reader.readline()).split()[1] == status, head
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.readline(), 0.3)
            writer.close()


async def test_a_foreign_host_or_origin_is_refused_before_anybody_asks_who_it_is_and_which_session() -> None:
    @mcp(stateful=True)
    class Closed:
        @tool()
        async def bare(self) -> str:
            """Nobody reaches it."""
            return ""

    @module(imports=[HttpModule.for_root(), McpModule], providers=[Closed])
    class ClosedModule: ...

    async with TestApp(App(ClosedModule)) as app:
        for headers, status in (
            ({"host": "evil.example"}, 421),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({}, 401),
        ):
            asked = {**headers, "mcp-session-id": "x" * 43, "accept": "text/event-stream"}
            assert (await app.mcp(headers=headers).post(ping())).status == status
            assert (await app.http.get("/mcp", headers=asked)).status == status
            assert (await app.http.delete("/mcp", headers=asked)).status == status


@pytest.mark.parametrize("host", ["localhost", "localhost:3003", "127.0.0.1:1", "[::1]:8080"])
async def test_local_hosts_pass_with_any_port(app: Any, host: str) -> None:
    assert (await app.mcp(headers={"host": host}).post(ping())).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("null", 403),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("file://localhost", 403),
        ("http://localhost:8080", 200),
    ],
)
async def test_pages_of_other_sites_are_forbidden(app: Any, origin: str, status: int) -> None:
    for answer in (
        await app.mcp(headers={"origin": origin}).post(called()),
        await app.http.get("/mcp", headers={"origin": origin}),
    ):
        assert answer.status == status or (status == 200 and answer.status == 405)
    assert len(CALLS) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[" * 10_000, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b'{"a":' * 256 + b"1" + b"}" * 257, -32700),
        (b"\xff\xfe", -32700),
        (b"1", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600),
        (b"[]", -32600),
        (b"[" + b"1," * 9_000 + b"1]", -32600),
    ],
)
async def test_what_is_no_message_is_a_json_rpc_error(app: Any, body: bytes, code: int) -> None:
    answer = await app.mcp().post(body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)


async def test_a_message_of_256_levels_is_answered_on_every_python(app: Any) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b'{"a":' * 255 + b"1" + b"}" * 256
    assert (await app.mcp().post(body)).json()["result"]


async def test_size_type_and_accept_are_checked(app: Any) -> None:
    assert (await app.mcp().post(b" " * 20_001)).status == 413
    assert (await app.mcp(headers={"content-type": "text/plain"}).post(ping())).status == 415
    assert (await app.mcp(headers={"accept": "text/html"}).post(ping())).status == 406
    assert (await app.http.get("/mcp")).status == 405
    assert (await app.http.delete("/mcp")).status == 405


async def test_batches_belong_to_one_revision_and_are_bounded(app: Any) -> None:
    client = app.mcp(version="2025-03-26")
    batch = [ping(1), {"jsonrpc": "2.0", "method": "notifications/initialized"}, called(), {"bad": 1}]
    answers = (await client.post(batch)).json()
    assert [one.get("id") for one in answers] == [1, 1, None]
    assert (await client.post([{"jsonrpc": "2.0", "method": "x/y"}])).status == 202
    assert (await client.post([ping()] * 101)).status == 400
    assert (await app.mcp(version="2025-06-18").post(batch)).status == 400


async def test_lists_come_in_pages_and_a_forged_cursor_is_invalid(app: Any) -> None:
    first = await app.mcp().call("tools/list")
    assert len(first["tools"]) == 2
    second = await app.mcp().call("tools/list", {"cursor": first["nextCursor"]})
    assert [one["name"] for one in second["tools"]] == ["third"]
    assert "nextCursor" not in second
    for cursor in ("x", "LTE=", "OTk=", 3, ""):
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp().call("tools/list", {"cursor": cursor})
        assert refused.value.code == -32602


async def test_progress_and_logs_come_before_the_result_where_they_are_wanted(app: Any) -> None:
    client: McpClient = app.mcp()
    result = await client.call("tools/call", {"name": "second", "_meta": {"progressToken": "p"}})
    assert result["content"][0]["text"] == "2"
    progress, warning = client.notifications
    assert progress["params"] == {"progressToken": "p", "progress": 1, "total": 2, "message": "half"}
    assert (warning["method"], warning["params"]["level"]) == ("notifications/message", "warning")
    quiet: McpClient = app.mcp(headers={"accept": "application/json"})
    assert (await quiet.call_tool("second"))["content"][0]["text"] == "2"
    assert quiet.notifications == []


async def test_a_resource_that_fits_no_template_or_no_type_is_not_found_or_invalid(app: Any) -> None:
    for uri, code in (("file:///etc/passwd", -32002), ("post://x", -32602), ("post://1/2", -32002)):
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp().read_resource(uri)
        assert refused.value.code == code, uri


async def test_notifications_are_taken_and_answers_that_nobody_asked_for_are_dropped(app: Any) -> None:
    assert (await app.mcp().notify("notifications/cancelled", {"requestId": [1]})).status == 202
    assert (await app.mcp().post({"jsonrpc": "2.0", "id": "x", "result": {}})).status == 202


async def test_a_request_without_the_version_header_speaks_the_revision_that_had_none(app: Any) -> None:
    body = msgspec.json.encode([ping()])
    answer = await app.http.post("/mcp", content=body, headers={"content-type": "application/json"})
    assert answer.json() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]

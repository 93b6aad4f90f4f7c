"""`nestpy mcp stdio` serves a local client and nothing else; `nestpy mcp inspect` lists what there is."""

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from nestpy_core import App, module, public
from nestpy_http import HttpModule
from nestpy_mcp import mcp, tool
from nestpy_mcp._stdio import Conversation
from nestpy_mcp._table import McpTable

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "serving"
COMMAND = [sys.executable, "-m", "nestpy_core._command", "mcp"]


def run(*words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*COMMAND, *words], cwd=HERE, input=given, capture_output=True, timeout=240, check=False)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_official_client_uses_a_server_over_stdio(mode: Any) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=[*COMMAND[1:], "stdio", "everything:app"], cwd=str(HERE)
    )
    progress: list[float] = []

    async def told(done: float, total: float | None, message: str | None) -> None:
        del total, message
        progress.append(done)

    async with asyncio.timeout(240), Client(stdio_client(parameters), mode=mode) as client:
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        assert len((await client.list_tools()).tools) == 14
        await client.call_tool("test_tool_with_progress", {}, progress_callback=told)
        read: Any = (await client.read_resource("test://static-text")).contents[0]
        assert read.text == "This is the content of the static text resource."
    assert progress == [0, 50, 100]


def test_no_other_edge_of_the_app_is_served() -> None:
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    with socket.create_server(("0.0.0.0", 0)) as taken:  # every address, as the app would take it
        environ = {**os.environ, "NESTPY_HTTP__HOST": "0.0.0.0", "NESTPY_HTTP__PORT": str(taken.getsockname()[1])}
        run = partial(subprocess.run, cwd=HERE, env=environ, capture_output=True, timeout=240, check=False)
        served = run([*COMMAND[:-1], "run", "changing:app"])
        talked = run([*COMMAND, "stdio", "changing:app"], input=ping)
    assert served.returncode != 0
    assert b"in use" in served.stderr
    assert (talked.returncode, json.loads(talked.stdout)["result"]) == (0, {}), talked.stderr


def test_what_comes_out_is_one_message_a_line_and_what_is_no_message_is_an_error() -> None:
    lines = [
        b"{",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":2,"method":"no/method"}',
        b"[" * 5000,
        b'{"jsonrpc":"2.0","id":3,"method":"ping"}',
    ]
    done = run("stdio", "everything:app", given=b"\n".join(lines) + b"\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    # Answers come as they are ready; only what cannot be read has no id.
    codes = {(answer.get("id"), answer.get("error", {}).get("code")) for answer in answers}
    assert codes == {(None, -32700), (1, -32600), (2, -32601), (3, None)}
    assert len(answers) == len(lines)
    assert done.returncode == 0, done.stderr


class Talk:
    """A conversation with a server over its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout
        self.seen: list[Any] = []

    async def send(self, method: str, number: int | None = None, **params: Any) -> None:
        numbered = {} if number is None else {"id": number}
        message = {"jsonrpc": "2.0", **numbered, "method": method, "params": params}
        self._input.write(json.dumps(message).encode() + b"\n")
        await self._input.drain()

    async def read(self) -> Any:
        self.seen.append(json.loads(await self._output.readline()))
        return self.seen[-1]

    async def call(self, method: str, number: int, **params: Any) -> Any:
        """Return the result, once all that came before it has been seen."""
        await self.send(method, number, **params)
        while (found := await self.read()).get("id") != number:
            pass
        return found["result"]

    async def told(self) -> list[str]:
        """Return what the server told since the last time, and forget it."""
        told = [f"{one['method']} {one['params'].get('uri', '')}".strip() for one in self.seen if "method" in one]
        self.seen.clear()
        return told


@contextlib.asynccontextmanager
async def talking(target: str, **environ: str) -> AsyncIterator[Talk]:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "stdio", target),
        cwd=HERE,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(240):
        yield Talk(process)
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_local_client_is_told_of_what_it_subscribed_to() -> None:
    async with talking("changing:app") as talk:
        hello = await talk.call("initialize", 1, protocolVersion="2025-11-25", capabilities={}, clientInfo={})
        assert hello["capabilities"]["tools"] == {"listChanged": True}
        assert hello["capabilities"]["resources"] == {"listChanged": True, "subscribe": True}
        await talk.call("resources/subscribe", 2, uri="post://1")
        await talk.call("tools/call", 3, name="change")
        assert await talk.told() == [
            "notifications/prompts/list_changed",
            "notifications/resources/updated post://1",
            "notifications/tools/list_changed",
        ]
        await talk.call("resources/unsubscribe", 4, uri="post://1")
        await talk.call("tools/call", 5, name="change")
        assert len(await talk.told()) == 2


@public
@mcp()
class Tools:
    @tool()
    async def nothing(self) -> None:
        """Do nothing."""


@module(imports=[HttpModule.for_root()], providers=[Tools])
class AppModule: ...


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def test_in_the_newest_revision_a_local_client_listens_for_what_it_names_until_it_cancels() -> None:
    async with talking("changing:app") as talk:
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["post://2"]}
        await talk.send("subscriptions/listen", 1, notifications=wanted, _meta=META)
        acknowledged = await talk.read()
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        assert acknowledged["params"]["notifications"] == wanted
        await talk.told()
        await talk.call("tools/call", 2, name="change", _meta=META)
        while len(talk.seen) < 3:
            await talk.read()
        tagged = [one["params"]["_meta"] for one in talk.seen if "method" in one]
        assert tagged == [{"io.modelcontextprotocol/subscriptionId": 1}] * 2
        assert await talk.told() == ["notifications/resources/updated post://2", "notifications/tools/list_changed"]
        await talk.send("notifications/cancelled", requestId=1)
        for number in (3, 4):
            await talk.call("tools/call", number, name="change", _meta=META)
        assert await talk.told() == []


async def test_the_official_client_listens_over_stdio() -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=[*COMMAND[1:], "stdio", "changing:app"], cwd=str(HERE)
    )
    async with asyncio.timeout(240), Client(stdio_client(parameters), mode="auto") as client:
        async with client.listen(tools_list_changed=True, resource_subscriptions=["post://2"]) as changes:
            await client.call_tool("change", {})
            seen = {type(await anext(changes)).__name__ for _ in range(2)}
        assert seen == {"ResourceUpdated", "ToolsListChanged"}


async def test_the_end_of_a_conversation_ends_what_it_listens_to() -> None:
    app = App(AppModule)
    server = app.graph.bindings_of(McpTable)[0].source.servers["/mcp"]
    message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"}
    params = {"notifications": {"toolsListChanged": True}, "_meta": META}
    async with app.create_context():
        conversation = Conversation(server, io.BytesIO())
        await conversation.run(io.BytesIO(json.dumps({**message, "params": params}).encode()))
        assert not conversation._tasks


async def test_a_local_client_that_never_answers_makes_it_an_error_of_the_tool() -> None:
    async with talking("everything:app", NESTPY_MCP__REQUEST_TIMEOUT="0.2") as talk:
        offered = {"elicitation": {}}
        await talk.call("initialize", 1, protocolVersion="2025-11-25", capabilities=offered, clientInfo={})
        result = await talk.call("tools/call", 2, name="test_elicitation", arguments={"message": "who?"})
        assert await talk.told() == ["elicitation/create"]
        assert result["content"][0]["text"] == "The client did not answer in time"
        assert result["isError"] is True


def test_inspect_lists_tools_with_their_schemas() -> None:
    text = run("inspect", "everything:app").stdout.decode()
    assert text.startswith("/mcp  everything 1.0.0\n")
    assert "  tool test_elicitation  Ask the user.\n" in text
    assert '"required":["message"]' in text
    found = msgspec.json.decode(run("inspect", "everything:app", "--json").stdout)
    assert (found["path"], len(found["tool"])) == ("/mcp", 14)


def test_an_app_without_hosts_has_nothing_to_serve(tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(
        "from nestpy_core import App, module\n@module()\nclass Bare: ...\napp = App(Bare)\n"
    )
    done = subprocess.run(
        [*COMMAND, "inspect", "bare:app"], cwd=tmp_path, capture_output=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr.decode()) == (2, "Error: `bare:app` has no `@mcp` host.\n")

"""`nestpy mcp stdio` serves a local client and nothing else; `nestpy mcp inspect` lists what there is."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

HERE = Path(__file__).parent / "serving"
COMMAND = [sys.executable, "-m", "nestpy_core._command", "mcp"]


def run(*words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*COMMAND, *words], cwd=HERE, input=given, capture_output=True, timeout=240, check=False)


async def test_the_official_client_uses_a_server_over_stdio() -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=[*COMMAND[1:], "stdio", "everything:app"], cwd=str(HERE)
    )
    progress: list[float] = []

    async def told(done: float, total: float | None, message: str | None) -> None:
        del total, message
        progress.append(done)

    async with asyncio.timeout(240), Client(stdio_client(parameters), mode="legacy") as client:
        assert len((await client.list_tools()).tools) == 14
        await client.call_tool("test_tool_with_progress", {}, progress_callback=told)
        read: Any = (await client.read_resource("test://static-text")).contents[0]
        assert read.text == "This is the content of the static text resource."
    assert progress == [0, 50, 100]


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
    assert [answer.get("error", {}).get("code") for answer in answers] == [-32700, -32600, -32700, -32601, None]
    assert done.returncode == 0, done.stderr


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

"""M5: whatever a client sends is answered, refused or ignored; nothing breaks, and nobody reads another's events."""

import logging
import os
import random
from typing import Any

import msgspec
import pytest

from nestpy_core import App, Denial, injectable, module, use_guards
from nestpy_http import HttpModule
from nestpy_mcp import McpClient, McpContext, McpModule, McpNotices, McpRequest, completion, mcp, prompt, resource, tool
from nestpy_mcp._runtime import McpRuntime
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
CASES, SEED = int(os.environ.get("MCP_FUZZ", "1500")), int(os.environ.get("MCP_SEED", "7"))
"""`make soak` asks for many more."""
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
METHODS = (
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "server/discover",
    "notifications/cancelled",
    "notifications/initialized",
    "no/method",
    "",
)


class User(msgspec.Struct):
    id: str
    roles: list[str] = []


@injectable
class NameGuard:
    posture = True

    def can_activate(self, context: McpContext) -> bool | Denial:
        name = context.headers.get("authorization")
        if name is None:
            return Denial.unauthorized()
        context.actor = User(name)
        return True


class Deep(msgspec.Struct):
    inner: "Deep | None" = None
    items: list[dict[str, int]] = []


def host(path: str, *, stateful: bool) -> type:
    @use_guards(NameGuard)
    @mcp(path, stateful=stateful)
    class Tools:
        @tool()
        async def echo(self, text: str, number: int = 0, deep: Deep | None = None) -> dict[str, Any]:
            """Say it again."""
            return {"text": text, "number": number, "deep": msgspec.to_builtins(deep)}

        @tool()
        async def talk(self, request: McpRequest) -> str:
            """Talk and ask."""
            await request.progress(1, 2)
            await request.log("warning", "x")
            return "done"

        @prompt()
        async def greet(self, name: str = "you") -> str:
            """Greet."""
            return f"hello {name}"

        @completion("name", of="greet")
        async def names(self, value: str) -> list[str]:
            return [value]

        @resource("post://{id}")
        async def post(self, id: int) -> str:
            return str(id)

    return Tools


@module(
    imports=[HttpModule.for_root(), McpModule.for_root(keep_alive=0.2, max_body_bytes=200_000)],
    providers=[host("/mcp", stateful=True), host("/open", stateful=False)],
)
class AppModule: ...


@pytest.fixture
async def app() -> Any:
    async with TestApp(App(AppModule)) as app:
        yield app


async def opened(app: Any, name: str) -> McpClient:
    client: McpClient = app.mcp(headers={"authorization": name})
    await client.initialize({"elicitation": {}})
    return client


class Fuzz:
    """Makes messages: valid ones, and such with a part replaced by something else."""

    def __init__(self, seed: str) -> None:
        self._source = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        choice = self._source.choice
        simple = [
            None, True, 0, -1, 2**63, 10**400, 1.5, "", "\u202e\x00", "x" * 2000, "post://1", "post://\x00", "echo",
            "../../etc", [], {}, "LTE=", "=?base64?x?=", "é", "2025-06-18", "7",
        ]  # fmt: skip
        if depth > 3 or self._source.random() < 0.7:
            return choice(simple)
        if self._source.random() < 0.5:
            return [self.value(depth + 1) for _ in range(self._source.randint(0, 3))]
        return {self._source.choice(("a", "name", "uri", "_meta", "")): self.value(depth + 1) for _ in range(3)}

    def params(self, version: str) -> Any:
        made: dict[str, Any] = {
            "name": self._source.choice(("echo", "talk", "greet", "nobody")),
            "arguments": {"text": "a", "number": 1},
            "uri": self._source.choice(("post://1", "post://x", "file:///etc/passwd")),
            "ref": {"type": "ref/prompt", "name": "greet"},
            "argument": {"name": "name", "value": "a"},
            "level": "info",
            "cursor": self._source.choice(("MQ==", "x")),
            "protocolVersion": version,
            "requestId": 1,
            "_meta": {
                "progressToken": 1,
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }
        for name in list(made):
            if self._source.random() < 0.2:
                del made[name]
            elif self._source.random() < 0.2:
                made[name] = self.value()
        return made if self._source.random() < 0.95 else self.value()

    def message(self, version: str) -> Any:
        method = self._source.choice(METHODS)
        made: Any = {"jsonrpc": "2.0", "id": self._source.choice((1, "1", 2)), "method": method}
        made["params"] = self.params(version)
        for name in list(made):
            if self._source.random() < 0.06:
                del made[name]
            elif self._source.random() < 0.06:
                made[name] = self.value()
        if self._source.random() < 0.05:
            return [made] * self._source.randint(0, 120)
        return made

    def body(self, version: str) -> tuple[bytes, Any]:
        message = self.message(version)
        body = msgspec.json.encode(_encodable(message))
        if self._source.random() < 0.1:
            place = self._source.randrange(len(body) + 1)
            body = body[:place] + self._source.choice((b"", b"\x00", b"{", b"\xff")) + body[place + 1 :]
        return body, message

    def headers(self, version: str, message: Any) -> dict[str, str]:
        method = message.get("method") if isinstance(message, dict) else None
        params = message.get("params") if isinstance(message, dict) else None
        named = params.get("name") if isinstance(params, dict) and method != "resources/read" else None
        named = params.get("uri") if isinstance(params, dict) and method == "resources/read" else named
        made = {"mcp_protocol_version": version, "accept": "application/json, text/event-stream"}
        if version == "2026-07-28":
            made |= {"mcp_method": _plain(method), "mcp_name": _plain(named)}
        choices = ("", "x", "*/*", "application/json", "text/event-stream", "1999-01-01", "2026-07-28")
        for name in list(made):
            if self._source.random() < 0.08:
                made[name] = self._source.choice(choices)
        return made


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else "x"


def _encodable(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**64:
        return float("1e308")
    if isinstance(value, dict):
        return {name: _encodable(item) for name, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


def answers_in(response: Any) -> list[Any]:
    if response.content == b"":
        return []
    if (response.headers.get("content-type") or "").startswith("text/event-stream"):
        datas = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
        return [msgspec.json.decode(data) for data in datas]
    found = msgspec.json.decode(response.content)
    return found if isinstance(found, list) else [found]


@pytest.mark.timeout(120 + CASES // 10)
@pytest.mark.parametrize("path", ["/mcp", "/open"])
async def test_whatever_is_posted_is_answered_refused_or_ignored(
    app: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "nestpy.guards")
    fuzz = Fuzz(f"{SEED} {path}")
    client = await opened(app, "ada")
    clients = {version: app.mcp(path, version=version, headers={"authorization": "ada"}) for version in VERSIONS}
    statuses: set[int] = set()
    for number in range(CASES):
        version = VERSIONS[number % len(VERSIONS)]
        body, message = fuzz.body(version)
        one = clients[version]
        one.session = client.session if path == "/mcp" and version != "2026-07-28" else None
        response = await one.post(body, **fuzz.headers(version, message))
        statuses.add(response.status)
        assert response.status < 500, body
        for answer in answers_in(response):
            assert answer["jsonrpc"] == "2.0", body
            assert answer.get("error", {}).get("code") != -32603, body
            assert "Traceback" not in str(answer), body
        if path == "/mcp" and response.headers.get("mcp-session-id") not in (None, client.session):
            await app.http.delete(
                "/mcp", headers={"authorization": "ada", "mcp-session-id": response.headers["mcp-session-id"]}
            )
    assert {200, 202, 400, 404} <= statuses
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert len(await client.tools()) == 2


@pytest.mark.parametrize("path", ["/mcp", "/open"])
async def test_bombs_are_refused_before_they_cost_anything(app: Any, path: str) -> None:
    client = app.mcp(path, version="2025-03-26", headers={"authorization": "ada"})
    client.session = (await opened(app, "ada")).session if path == "/mcp" else None
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","deep":%s}}}'
    inner = b'{"inner":' * 900 + b"null" + b"}" * 900
    for body, statuses in (
        (b"[" + b",".join([b"1"] * 10_000) + b"]", {400}),
        (b"[" + b",".join([ping] * 4_000) + b"]", {400}),
        (b"[" * 100_000, {400}),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + deep + b"}", {200, 400}),
        (call % deep, {200, 400}),
        (call % inner, {200, 400}),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":' + b"9" * 5_000 + b"}}", {200, 400}),
        (b" " * 200_001, {413}),
    ):
        response = await client.post(body)
        assert response.status in statuses, body[:60]
        assert all(answer.get("error", {}).get("code") != -32603 for answer in answers_in(response)), body[:60]
    assert (await client.call("ping")) == {}


async def test_a_flood_of_notifications_leaves_nothing_behind(app: Any) -> None:
    client = await opened(app, "ada")
    transport = (await app.get(McpRuntime)).transport("/mcp")
    for number in range(2_000):
        method = ("notifications/cancelled", "notifications/initialized", "no/method")[number % 3]
        assert (await client.notify(method, {"requestId": number, "reason": "x" * 100})).status == 202
    for number in range(500):
        assert (await client.post({"jsonrpc": "2.0", "id": number, "result": {}})).status == 202
    (live,) = transport.held._lives.values()
    assert (live.running, live.pending, list(live.streams), live.own.count) == ({}, {}, ["0"], 0)
    assert (await client.call_tool("echo", {"text": "still"}))["structuredContent"]["text"] == "still"


async def test_a_forged_event_id_opens_nobody_elses_stream(app: Any) -> None:
    ada, bob = await opened(app, "ada"), await opened(app, "bob")
    await bob.call("resources/subscribe", {"uri": "post://secret"})
    await bob.call("tools/call", {"name": "talk", "_meta": {"progressToken": "bobs"}})
    (await app.get(McpNotices)).resource_updated("post://secret")
    base = {"authorization": "ada", "mcp-session-id": str(ada.session), "accept": "text/event-stream"}
    source = random.Random(SEED)
    forged = ["1.0", "1.1", "0.1", "1", ".", "0.", ".0", "0.-1", "0.00000000000000", f"{bob.session}.0", "0.0.0"]
    forged += ["".join(source.choices("0123456789.-x ", k=source.randint(1, 8))).strip() or "x" for _ in range(200)]
    for event in forged:
        async with app.http.stream("GET", "/mcp", headers={**base, "last-event-id": event}) as answer:
            if answer.status != 200:
                assert answer.status == 400, event
                continue
            async for chunk in answer:
                assert chunk == b":\n\n", event
                break
    for headers in (
        {**base, "authorization": "bob"},
        {**base, "mcp-session-id": str(bob.session)},
    ):
        assert (await app.http.get("/mcp", headers={**headers, "last-event-id": "1.0"})).status == 404

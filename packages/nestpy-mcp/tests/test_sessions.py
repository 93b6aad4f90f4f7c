"""Sessions of stateful servers: bound to who opened them, bounded, and streams that a client may lose."""

import asyncio
from typing import Any

import msgspec
import pytest

from nestpy_core import App, Denial, injectable, module, public, use_guards
from nestpy_http import HttpModule
from nestpy_mcp import (
    ClientCapabilityError,
    McpClient,
    McpContext,
    McpModule,
    McpNotices,
    McpRefusedError,
    McpRequest,
    SessionStore,
    ToolError,
    mcp,
    resource,
    tool,
)
from nestpy_mcp._runtime import McpRuntime
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
CANCELLED: list[str] = []


class User(msgspec.Struct):
    id: str
    roles: list[str] = []


class Answer(msgspec.Struct):
    sure: bool


@injectable
class TokenGuard:
    posture = True

    def can_activate(self, context: McpContext) -> bool | Denial:
        token = context.headers.get("authorization")
        if token is None:
            return Denial.unauthorized()
        context.actor = User(token)
        return True


async def ask(request: McpRequest) -> str:
    try:
        answer = await request.elicit("Sure?", Answer)
    except ClientCapabilityError as error:
        raise ToolError(str(error)) from error
    return f"{answer.action} {answer.content}"


@use_guards(TokenGuard)
@mcp(stateful=True)
class Tools:
    @tool()
    async def ask(self, request: McpRequest) -> str:
        """Ask."""
        return await ask(request)

    @tool()
    async def forever(self, request: McpRequest) -> str:
        """Never end."""
        await request.progress(0)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            CANCELLED.append("forever")
            raise
        return ""

    @resource("post://{id}")
    async def post(self, id: int) -> str:
        return str(id)


@public
@mcp("/open")
class Stateless:
    @tool()
    async def ask(self, request: McpRequest) -> str:
        """Ask."""
        return await ask(request)


def app_module(**options: Any) -> type:
    settings = McpModule.for_root(sessions_per_principal=2, keep_alive=0.3, **options)

    @module(imports=[HttpModule.for_root(), settings], providers=[Tools, Stateless])
    class AppModule: ...

    return AppModule


@pytest.fixture(params=["memory", "redis"])
async def app(request: pytest.FixtureRequest) -> Any:
    options: dict[str, Any] = {}
    if request.param == "redis":
        options = {"session_store": "redis", "url": request.getfixturevalue("redis_url")}
    async with TestApp(App(app_module(**options))) as app:
        yield app


async def opened(app: Any, token: str = "ada", capabilities: Any = None) -> McpClient:
    client: McpClient = app.mcp(headers={"authorization": token})
    await client.initialize(capabilities)
    return client


async def test_a_session_belongs_to_who_opened_it_and_is_unknown_to_others(app: Any) -> None:
    ada = await opened(app)
    assert ada.session is not None
    assert len(ada.session) >= 43
    await ada.tools()
    bob = app.mcp(headers={"authorization": "bob"})
    bob.session = ada.session
    with pytest.raises(McpRefusedError) as foreign:
        await bob.tools()
    bob.session = "x" * 43
    with pytest.raises(McpRefusedError) as unknown:
        await bob.tools()
    assert foreign.value.status == unknown.value.status == 404
    assert str(foreign.value) == str(unknown.value)


async def test_an_id_that_the_client_chose_is_never_taken(app: Any) -> None:
    client = app.mcp(headers={"authorization": "ada"})
    client.session = "chosen"
    await client.initialize()
    assert client.session != "chosen"
    client.session = "chosen"
    with pytest.raises(McpRefusedError) as refused:
        await client.tools()
    assert refused.value.status == 404


async def test_without_a_session_or_after_its_end_nothing_is_answered(app: Any) -> None:
    with pytest.raises(McpRefusedError) as refused:
        await app.mcp(headers={"authorization": "ada"}).tools()
    assert refused.value.status == 400
    ada = await opened(app)
    headers = {"authorization": "ada", "mcp-session-id": ada.session}
    assert (await app.http.delete("/mcp", headers=headers)).status == 204
    with pytest.raises(McpRefusedError) as refused:
        await ada.tools()
    assert refused.value.status == 404


async def test_one_caller_holds_few_sessions_and_takes_none_from_others(app: Any) -> None:
    first, _ = await opened(app), await opened(app)
    with pytest.raises(McpRefusedError) as refused:
        await opened(app)
    assert refused.value.status == 429
    await opened(app, "bob")
    await app.http.delete("/mcp", headers={"authorization": "ada", "mcp-session-id": first.session})
    await opened(app)


class Clock:
    """Stands where sessions look at the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for name in ("_sessions", "_held"):
            monkeypatch.setattr(f"nestpy_mcp.{name}.monotonic", lambda: self.now)


async def test_an_idle_session_ends_after_thirty_minutes_and_one_in_use_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    async with TestApp(App(app_module())) as app:
        idle, used = await opened(app), await opened(app, "bob")
        clock.now += 1799
        await used.tools()
        clock.now += 2
        await used.tools()
        with pytest.raises(McpRefusedError) as refused:
            await idle.tools()
        assert refused.value.status == 404


async def test_a_tool_asks_and_the_answer_comes_back_on_another_request(app: Any) -> None:
    client = await opened(app, capabilities={"elicitation": {}})
    headers = {
        "authorization": "ada",
        "mcp-session-id": client.session,
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
    }
    call = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "ask"}}
    seen = ""
    async with app.http.stream("POST", "/mcp", json=call, headers=headers) as answer:
        async for chunk in answer:
            seen += chunk.decode()
            for line in chunk.decode().splitlines():
                if line.startswith("data: {") and '"elicitation/create"' in line:
                    asked = msgspec.json.decode(line[6:])
                    assert asked["params"]["requestedSchema"]["properties"]["sure"] == {"type": "boolean"}
                    forged = {"jsonrpc": "2.0", "id": "forged", "result": {"action": "accept", "content": {}}}
                    assert (await client.post(forged)).status == 202
                    reply = {"action": "accept", "content": {"sure": True}}
                    await client.post({"jsonrpc": "2.0", "id": asked["id"], "result": reply})
    assert "accept {'sure': True}" in seen
    assert "id: 1.0" in seen


async def test_whoever_cannot_be_asked_makes_it_an_error_of_the_tool(app: Any) -> None:
    silent = await opened(app)
    assert (await silent.call_tool("ask"))["content"][0]["text"] == "The client does not offer `elicitation`"


async def test_in_the_newest_revision_the_call_ends_with_the_question_and_is_made_again(app: Any) -> None:
    client = app.mcp("/open", version="2026-07-28")
    asked = await client.call_tool("ask")
    assert asked["resultType"] == "input_required"
    (key,) = asked["inputRequests"]
    assert asked["inputRequests"][key]["method"] == "elicitation/create"
    answers = {key: {"action": "accept", "content": {"sure": True}}}
    params = {"name": "ask", "inputResponses": answers, "requestState": asked["requestState"]}
    result = await client.call("tools/call", params)
    assert result["content"][0]["text"] == "accept {'sure': True}"
    forged = {"name": "ask", "inputResponses": {key: 3}, "requestState": "{"}
    assert (await client.call("tools/call", forged))["isError"] is True


async def test_a_cancelled_request_ends_its_handler_and_no_others(app: Any) -> None:
    CANCELLED.clear()
    client = await opened(app)
    call = {
        "jsonrpc": "2.0",
        "id": "run",
        "method": "tools/call",
        "params": {"name": "forever", "_meta": {"progressToken": 1}},
    }
    headers = {
        "authorization": "ada",
        "mcp-session-id": client.session,
        "accept": "text/event-stream, application/json",
    }
    other = await opened(app)
    async with app.http.stream("POST", "/mcp", json=call, headers=headers) as answer:
        async for chunk in answer:
            if b"notifications/progress" in chunk:
                await other.notify("notifications/cancelled", {"requestId": "run"})
                assert CANCELLED == []
                await client.notify("notifications/cancelled", {"requestId": "run"})
    assert CANCELLED == ["forever"]


async def test_who_subscribed_is_told_and_may_take_the_stream_up_again(app: Any) -> None:
    client, other = await opened(app), await opened(app)
    await client.call("resources/subscribe", {"uri": "post://1"})
    headers = {"authorization": "ada", "mcp-session-id": client.session, "accept": "text/event-stream"}
    notices = await app.get(McpNotices)
    async with app.http.stream("GET", "/mcp", headers=headers) as answer:
        assert answer.media_type == "text/event-stream"
        notices.resource_updated("post://2")
        notices.resource_updated("post://1")
        notices.list_changed("tools")
        seen = await taken(answer, 2)
    assert "post://1" in seen
    assert "post://2" not in seen
    assert "tools/list_changed" in seen
    async with app.http.stream("GET", "/mcp", headers={**headers, "last-event-id": "0.1"}) as answer:
        again = await taken(answer, 1)
    assert "tools/list_changed" in again
    assert "post://1" not in again
    for forged in ("0.99", "7.1", "x", "0.-1", f"{other.session}.1"):
        refused = await app.http.get("/mcp", headers={**headers, "last-event-id": forged})
        assert refused.status == 400, forged


async def taken(answer: Any, count: int) -> str:
    seen = ""
    async for chunk in answer:
        seen += chunk.decode()
        if seen.count("event: message") >= count:
            return seen
    return seen


async def test_in_the_newest_revision_a_client_listens_for_what_it_names() -> None:
    async with TestApp(App(app_module())) as app:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["post://1"]}
        params = {"notifications": wanted, "_meta": meta}
        call = {"jsonrpc": "2.0", "id": 5, "method": "subscriptions/listen", "params": params}
        headers = {
            "authorization": "ada",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "subscriptions/listen",
        }
        notices = await app.get(McpNotices)
        async with app.http.stream("POST", "/mcp", json=call, headers=headers) as answer:
            seen = await taken(answer, 1)
            assert "notifications/subscriptions/acknowledged" in seen
            notices.list_changed("prompts")
            notices.resource_updated("post://1")
            seen = await taken(answer, 1)
            assert "post://1" in seen
            assert "prompts" not in seen
            assert '"io.modelcontextprotocol/subscriptionId":5' in seen


async def test_sessions_that_were_opened_and_dropped_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    async with TestApp(App(app_module())) as app:
        store: Any = await app.get(SessionStore)
        transport = (await app.get(McpRuntime)).transport("/mcp")
        for number in range(300):
            client = await opened(app, f"user-{number}")
            await client.call_tool("ask")
        assert len(store._records) == len(transport.held._records) == len(transport.held._lives) == 300
        clock.now += 1801
        await opened(app)
        assert len(store._records) == len(store._held) == 1
        assert (len(transport.held._records), len(transport.held._used), len(transport.held._lives)) == (1, 1, 1)


async def test_one_caller_holds_32_sessions_and_no_more_unless_set() -> None:
    settings = McpModule.for_root()

    @module(imports=[HttpModule.for_root(), settings], providers=[Tools])
    class AppModule: ...

    async with TestApp(App(AppModule)) as app:
        for _ in range(32):
            await opened(app)
        with pytest.raises(McpRefusedError) as refused:
            await opened(app)
        assert refused.value.status == 429


async def test_any_replica_answers_a_stateless_client_and_shared_sessions_are_known_to_all(redis_url: str) -> None:
    shared = app_module(session_store="redis", url=redis_url)
    async with TestApp(App(shared)) as one, TestApp(App(shared)) as two:
        client = one.mcp("/open")
        await client.initialize()
        assert [tool["name"] for tool in await two.mcp("/open").tools()] == ["ask"]
        ada = await opened(one)
        there = two.mcp(headers={"authorization": "ada"})
        there.session = ada.session
        assert len(await there.tools()) == 2

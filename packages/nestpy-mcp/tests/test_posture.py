"""Who may see and call what: denial is the default, and every operation runs under its guards."""

import logging
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import APP_GUARD, App, BootError, Denial, injectable, module, provide, public, use_guards
from nestpy_core.contracts import Actor
from nestpy_http import HttpModule
from nestpy_mcp import McpContext, McpModule, McpRefusedError, mcp, prompt, tool
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class User(msgspec.Struct):
    id: str
    roles: list[str] = []


@injectable
class TokenGuard:
    posture = True

    def can_activate(self, context: McpContext) -> bool | Denial:
        token = context.headers.get("authorization")
        if token is None:
            return Denial.unauthorized("Who are you?")
        user: Actor = User(token)
        context.actor = user
        return token != "banned"


@injectable
class NeverGuard:
    posture = True

    def can_activate(self, context: McpContext) -> Denial:
        del context
        return Denial.insufficient_scope(("admin",))


@mcp()
class Unguarded:
    @tool()
    async def bare(self) -> str:
        """Nobody said who may."""
        return "reached"


@use_guards(TokenGuard)
@mcp()
class Guarded:
    @tool()
    async def mine(self, context: McpContext) -> str:
        """Say who asks."""
        return "" if context.actor is None else context.actor.id

    @use_guards(NeverGuard)
    @tool()
    async def admin(self) -> str:
        """Nobody reaches it."""
        return "reached"


@public
@mcp()
class Open:
    @prompt()
    async def hello(self) -> str:
        """Greet."""
        return "hello"


@module(imports=[HttpModule.for_root()], providers=[Unguarded])
class UnguardedModule: ...


TOKENS = McpModule.for_root(authorization_servers=["https://auth.example.com"], scopes=["read"])


@module(imports=[HttpModule.for_root(), TOKENS], providers=[Guarded, Open])
class GuardedModule: ...


@module(
    imports=[HttpModule.for_root()],
    providers=[Unguarded, provide(APP_GUARD, use_class=TokenGuard, multi=True)],
)
class GloballyGuardedModule: ...


async def test_without_any_guard_every_call_is_unauthorized() -> None:
    async with TestApp(App(UnguardedModule)) as app:
        for method, params in (
            ("initialize", {"protocolVersion": "2025-06-18"}),
            ("ping", {}),
            ("tools/list", {}),
            ("tools/call", {"name": "bare"}),
            ("tools/call", {"name": "nobody"}),
            ("no/method", {}),
        ):
            with pytest.raises(McpRefusedError) as refused:
                await app.mcp().call(method, params)
            assert (refused.value.status, refused.value.headers["www-authenticate"]) == (401, "Bearer"), method
        assert (await app.mcp().notify("notifications/initialized")).status == 401
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp(version="2026-07-28").call("server/discover")
        assert refused.value.status == 401


async def test_a_public_host_is_open_and_a_global_guard_stands_before_all() -> None:
    async with TestApp(App(GuardedModule)) as app:
        assert (await app.mcp().get_prompt("hello"))["messages"][0]["content"]["text"] == "hello"
    async with TestApp(App(GloballyGuardedModule)) as app:
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp().call_tool("bare")
        assert refused.value.status == 401
        client = app.mcp(headers={"authorization": "ada"})
        assert (await client.call_tool("bare"))["content"][0]["text"] == "reached"


async def test_lists_show_what_the_caller_may_reach() -> None:
    async with TestApp(App(GuardedModule)) as app:
        assert await app.mcp().tools() == []
        seen = await app.mcp(headers={"authorization": "ada"}).tools()
        assert [one["name"] for one in seen] == ["mine"]


async def test_a_guard_tells_the_handler_who_acts_and_refuses_with_its_own_status() -> None:
    async with TestApp(App(GuardedModule)) as app:
        client = app.mcp(headers={"authorization": "ada"})
        assert (await client.call_tool("mine"))["content"][0]["text"] == "ada"
        with pytest.raises(McpRefusedError) as refused:
            await client.call_tool("admin")
        assert (refused.value.status, refused.value.code) == (403, -32001)
        assert refused.value.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="admin"'
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp(headers={"authorization": "banned"}).call_tool("mine")
        assert refused.value.status == 403


async def test_a_401_points_to_metadata_that_needs_no_token() -> None:
    async with TestApp(App(GuardedModule)) as app:
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp().call_tool("mine")
        pointer = "http://localhost/.well-known/oauth-protected-resource/mcp"
        assert refused.value.headers["www-authenticate"] == f'Bearer resource_metadata="{pointer}"'
        assert str(refused.value) == "Who are you?"
        document = (await app.http.get("/.well-known/oauth-protected-resource/mcp")).json()
        assert document == {
            "resource": "http://localhost/mcp",
            "authorization_servers": ["https://auth.example.com"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["read"],
        }
        assert (await app.http.get("/.well-known/oauth-protected-resource")).status == 200
        assert (await app.http.get("/.well-known/oauth-protected-resource/other")).status == 404


async def test_without_authorization_servers_there_is_no_metadata() -> None:
    async with TestApp(App(UnguardedModule)) as app:
        assert (await app.http.get("/.well-known/oauth-protected-resource/mcp")).status == 404


async def test_no_refusal_reaches_a_handler_or_the_log_with_the_token(caplog: pytest.LogCaptureFixture) -> None:
    async with TestApp(App(GuardedModule)) as app:
        with caplog.at_level(logging.DEBUG), pytest.raises(McpRefusedError):
            await app.mcp(headers={"authorization": "banned"}).call_tool("mine")
        assert "Guarded.mine was refused" in caplog.text
        assert "banned" not in caplog.text


def test_two_hosts_with_one_tool_fail_the_boot_by_name() -> None:
    @public
    @mcp()
    class Other:
        @tool()
        async def bare(self) -> str:
            """The same name."""
            return ""

    @module(imports=[HttpModule.for_root()], providers=[Unguarded, Other])
    class Twice: ...

    with pytest.raises(BootError) as refused:
        App(Twice)
    text = str(refused.value)
    assert "`Unguarded.bare` and `Other.bare` are both the tool `bare` of `/mcp`." in text
    assert "Hint: give one of them another name, or its host another path" in text


def test_two_identities_of_one_server_and_a_silent_tool_fail_the_boot() -> None:
    @public
    @mcp(name="one")
    class One:
        @tool()
        async def first(self) -> str:
            """Say."""
            return ""

    @public
    @mcp(name="two")
    class Two:
        @tool()
        async def second(self) -> str:
            return ""

    @module(imports=[HttpModule.for_root()], providers=[One, Two])
    class Both: ...

    with pytest.raises(BootError) as refused:
        App(Both)
    text = str(refused.value)
    assert "`One` and `Two` both say what the server at `/mcp` is." in text
    assert "`Two.second` is decorated with `@tool` and says nothing of what it does." in text


async def test_hosts_on_one_path_are_one_server() -> None:
    async with TestApp(App(GuardedModule)) as app:
        capabilities: dict[str, Any] = (await app.mcp().initialize())["capabilities"]
        assert sorted(capabilities) == ["logging", "prompts", "tools"]


def test_once_anything_is_authorized_a_tool_without_a_guard_fails_the_boot_by_name() -> None:
    @module(imports=[HttpModule.for_root()], providers=[Guarded, Unguarded])
    class Mixed: ...

    with pytest.raises(BootError) as refused:
        App(Mixed)
    assert "`Unguarded.bare`" in str(refused.value)
    assert "`@public`" in str(refused.value)


DECEPTION = "safe \u202etxt.exe"


@pytest.mark.parametrize("field", ["description", "title", "docstring", "argument", "schema", "name", "instructions"])
def test_what_a_server_says_of_itself_is_plain_text_or_it_does_not_boot(field: str) -> None:
    def said(name: str) -> str:
        return DECEPTION if name == field else "plain"

    class Shape(msgspec.Struct):
        value: Annotated[str, msgspec.Meta(description=said("schema"))]

    async def told(self: Any, text: Any) -> Any:
        del self
        return Shape(text)

    told.__doc__ = f"Tell {said('docstring')}.\n\nArgs:\n    text: {said('argument')}\n"
    told.__annotations__ = {"text": str, "return": Shape}
    described = said("description") if field == "description" else None

    @public
    @mcp(name=said("name"), instructions=said("instructions"))
    class Host:
        tell = tool(title=said("title"), description=described)(told)

    @module(imports=[HttpModule.for_root()], providers=[Host])
    class Deceptive: ...

    with pytest.raises(BootError) as refused:
        App(Deceptive)
    assert len(refused.value.exceptions) == 1
    assert "holds control characters or some" in str(refused.value)
    assert "\u202e" not in str(refused.value)

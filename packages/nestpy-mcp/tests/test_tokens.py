"""M3: a token for another server, of another issuer, too old or unsigned is refused, and no token travels on."""

import base64
import hashlib
import hmac
from typing import Any, ClassVar

import msgspec
import pytest

from nestpy_core import App, injectable, module, use_guards
from nestpy_http import HttpModule
from nestpy_mcp import AccessToken, McpContext, McpModule, McpRefusedError, TokenGuard, mcp, tool
from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
NOW = 1_000_000.0
KEY = b"a key of the tests"
READ: list[str] = []


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(*, alg: str = "HS256", key: bytes = KEY, **changes: Any) -> str:
    claims = {"sub": "ada", "aud": ["http://localhost/mcp"], "exp": NOW + 60, "iss": "https://auth.example.com"}
    signed = f"{part(msgspec.json.encode({'alg': alg}))}.{part(msgspec.json.encode({**claims, **changes}))}"
    return f"{signed}.{part(hmac.new(key, signed.encode(), hashlib.sha256).digest()) if alg != 'none' else ''}"


@injectable
class Guard(TokenGuard):
    algorithms: ClassVar[tuple[str, ...]] = ("HS256",)
    clock = staticmethod(lambda: NOW)

    async def read(self, token: str) -> AccessToken | None:
        READ.append(token)
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(part(hmac.new(KEY, signed.encode(), hashlib.sha256).digest()), signature):
            return None
        payload = signed.partition(".")[2]
        claims: Any = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return AccessToken(
            subject=claims["sub"],
            audience=tuple(claims["aud"]),
            expires_at=claims["exp"],
            issuer=claims["iss"],
            client_id=claims.get("client_id", ""),
            scopes=("read",),
        )


@use_guards(Guard)
@mcp()
class Tools:
    @tool()
    async def who(self, context: McpContext) -> str:
        """Say who asks."""
        actor: Any = context.actor
        return f"{actor.id} {actor.scopes}"


@use_guards(Guard)
@mcp("/sessions", stateful=True)
class Stateful:
    @tool()
    async def who(self, context: McpContext) -> str:
        """Say for whom which client of which issuer asks."""
        actor: Any = context.actor
        return f"{actor.id} {actor.issuer} {context.request.client_id}"


def app_module(*more_issuers: str, **options: Any) -> type:
    issuers = ["https://auth.example.com", *more_issuers]
    settings = McpModule.for_root(authorization_servers=issuers, **options)

    @module(imports=[HttpModule.for_root(), settings], providers=[Tools, Stateful])
    class AppModule: ...

    return AppModule


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def test_a_token_for_this_server_says_who_acts() -> None:
    async with TestApp(App(app_module())) as app:
        for audience in (["http://localhost/mcp"], ["https://other.example", "http://localhost/mcp/"]):
            result = await app.mcp(headers=bearer(token(aud=audience))).call_tool("who")
            assert result["content"][0]["text"] == "ada ('read',)"


@pytest.mark.parametrize(
    "headers",
    [
        bearer(token(aud=["http://localhost/other"])),
        bearer(token(aud=["http://localhost"])),
        bearer(token(aud=[])),
        bearer(token(exp=NOW)),
        bearer(token(exp=0)),
        bearer(token(iss="https://evil.example")),
        bearer(token(iss="")),
        bearer(token(key=b"another key")),
        bearer(token(alg="none")),
        bearer(token(alg="RS256")),
        bearer("a.b.c"),
        bearer("opaque"),
        bearer(""),
        {"authorization": f"Basic {token()}"},
        {},
    ],
)
async def test_any_other_token_is_401_with_a_challenge_that_points_to_the_metadata(headers: dict[str, str]) -> None:
    async with TestApp(App(app_module())) as app:
        for method, params in (("tools/call", {"name": "who"}), ("tools/list", {}), ("ping", {})):
            with pytest.raises(McpRefusedError) as refused:
                await app.mcp(headers=headers).call(method, params)
            challenge = refused.value.headers["www-authenticate"]
            assert (refused.value.status, refused.value.code) == (401, -32001)
            assert challenge.startswith("Bearer ")
            assert challenge.endswith('resource_metadata="http://localhost/.well-known/oauth-protected-resource/mcp"')


async def test_a_token_with_another_algorithm_is_not_even_read() -> None:
    READ.clear()
    async with TestApp(App(app_module())) as app:
        for alg in ("none", "RS256", ""):
            with pytest.raises(McpRefusedError):
                await app.mcp(headers=bearer(token(alg=alg))).call_tool("who")
        assert READ == []


async def test_the_audience_is_the_url_that_is_set_whatever_host_the_request_names() -> None:
    async with TestApp(App(app_module(resource="https://mcp.example.com"))) as app:
        with pytest.raises(McpRefusedError):
            await app.mcp(headers=bearer(token())).call_tool("who")
        there = token(aud=["https://mcp.example.com/mcp"])
        assert (await app.mcp(headers=bearer(there)).call_tool("who"))["isError"] is False


def of_client(client_id: str, **changes: Any) -> dict[str, str]:
    return bearer(token(aud=["http://localhost/sessions"], client_id=client_id, **changes))


async def test_a_session_is_the_actors_of_one_issuer_and_the_clients_that_opened_it() -> None:
    other = "https://other.example.com"
    async with TestApp(App(app_module(other))) as app:
        editor = app.mcp("/sessions", headers=of_client("editor"))
        await editor.initialize()
        for headers in (
            of_client("agent"),
            of_client(""),
            of_client("editor", iss=other),
            of_client("editor", sub="eve"),
        ):
            thief = app.mcp("/sessions", headers=headers)
            thief.session = editor.session
            with pytest.raises(McpRefusedError) as refused:
                await thief.call_tool("who")
            assert (refused.value.status, str(refused.value)) == (404, "Session not found")
        renewed = app.mcp("/sessions", headers=of_client("editor", exp=NOW + 999))
        renewed.session = editor.session
        result = await renewed.call_tool("who")
        assert result["content"][0]["text"] == "ada https://auth.example.com editor"


async def test_many_clients_open_no_more_sessions_for_one_actor_than_one_does() -> None:
    async with TestApp(App(app_module(sessions_per_principal=2))) as app:
        for number in range(2):
            await app.mcp("/sessions", headers=of_client(f"client {number}")).initialize()
        with pytest.raises(McpRefusedError) as refused:
            await app.mcp("/sessions", headers=of_client("client 3")).initialize()
        assert refused.value.status == 429

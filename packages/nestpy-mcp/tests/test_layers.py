"""Pipes, interceptors, filters, request scope and instruments stand around each operation as on any edge."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest

from nestpy_core import (
    App,
    Call,
    CallKind,
    ExecutionContext,
    Handler,
    HandlerMarker,
    Inject,
    Instrument,
    Scope,
    Trim,
    Uppercase,
    catch,
    from_context,
    hookimpl,
    injectable,
    module,
    provide,
    public,
    use_filters,
    use_interceptors,
    use_pipes,
)
from nestpy_http import HttpModule
from nestpy_mcp import McpContext, McpRefusedError, McpRequest, Text, ToolResult, mcp, tool
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


@injectable(scope=Scope.REQUEST)
class PerCall:
    request: McpRequest

    def told(self) -> str:
        return f"{self.request.method} {self.request.params['name']}"


@injectable
class Wrap:
    async def intercept(self, context: McpContext, call_next: Callable[[], Awaitable[Any]]) -> Any:
        assert context.edge == "mcp"
        return f"<{await call_next()}>"


@injectable
@catch(LookupError)
class Mend:
    def catch(self, error: Exception, context: ExecutionContext) -> str:
        del context
        return f"mended {error.args[0]}"


Tool = Annotated[str, from_context(lambda context: context.request.params["name"])]


@public
@mcp()
class Tools:
    @use_pipes(Trim, Uppercase)
    @tool()
    async def piped(self, text: str) -> str:
        """Shout."""
        return text

    @use_interceptors(Wrap)
    @tool()
    async def wrapped(self, own: Tool) -> str:
        """Be wrapped."""
        return own

    @use_filters(Mend)
    @tool()
    async def mended(self) -> str:
        """Fail and be mended."""
        raise KeyError("it")

    @tool()
    async def scoped(self, per: Inject[PerCall]) -> Text:
        """Tell of the call."""
        return Text(per.told())


@module(imports=[HttpModule.for_root()], providers=[Tools, PerCall])
class AppModule: ...


SEEN: list[tuple[str, str, str]] = []


class Watch:
    def begin(self, call: Call) -> Call:
        return call

    def end(self, call: Call, outcome: Any, error: BaseException | None) -> None:
        kind: CallKind = call.kind
        SEEN.append((kind.name, kind.operation, call.outcome(outcome, error)))


class WatchPlugin:
    nestpy_api = "0.1"

    @hookimpl
    def nestpy_collect(self) -> list[Any]:
        return [provide(Watch, use_value=Watch())]

    @hookimpl
    def nestpy_instrument(self, handler: Handler | None, marker: HandlerMarker | None) -> list[Instrument]:
        del handler
        return [Instrument(Watch)] if marker is not None and marker.edge == "mcp" else []


async def text(app: Any, name: str, **arguments: Any) -> str:
    return str((await app.mcp().call_tool(name, arguments))["content"][0]["text"])


async def test_layers_and_request_scope_are_those_of_every_edge() -> None:
    async with TestApp(App(AppModule)) as app:
        assert await text(app, "piped", text=" hi ") == "HI"
        assert await text(app, "wrapped") == "<wrapped>"
        assert await text(app, "mended") == "mended it"
        assert await text(app, "scoped") == "tools/call scoped"


async def test_each_operation_is_one_unit_of_work_to_instruments() -> None:
    SEEN.clear()
    async with TestApp(AppModule, plugins=[WatchPlugin()]) as app:
        await text(app, "scoped")
        with pytest.raises(McpRefusedError):
            await app.mcp().call_tool("piped", {})
    assert [one for one in SEEN if one[0] == "mcp.operation"] == [
        ("mcp.operation", "tool scoped", "ok"),
        ("mcp.operation", "tool piped", "invalid"),
    ]


class Hide:
    def shape(self, result: Any, handler: Handler) -> Any:
        del handler
        return {"visible": result["visible"]} if isinstance(result, dict) else result


class HidePlugin:
    nestpy_api = "0.1"

    @hookimpl
    def nestpy_collect(self) -> list[Any]:
        return [provide(Hide, use_value=Hide())]

    @hookimpl
    def nestpy_instrument(self, handler: Handler | None, marker: HandlerMarker | None) -> list[Instrument]:
        del handler
        return [Instrument(Hide, site="result")] if marker is not None and marker.edge == "mcp" else []


@public
@mcp()
class Secretive:
    @tool()
    async def data(self) -> dict[str, str]:
        """Tell data."""
        return {"visible": "yes", "secret": "canary"}

    @tool()
    async def whole(self) -> ToolResult:
        """Tell a whole result."""
        return ToolResult(content=["ok"], structured={"visible": "yes", "secret": "canary"})


@module(imports=[HttpModule.for_root()], providers=[Secretive])
class SecretiveModule: ...


@pytest.mark.parametrize("name", ["data", "whole"])
async def test_what_masks_hide_is_in_neither_structure_nor_text(name: str) -> None:
    async with TestApp(SecretiveModule, plugins=[HidePlugin()]) as app:
        result = await app.mcp().call_tool(name)
        assert result["structuredContent"] == {"visible": "yes"}
        assert "canary" not in str(result)

"""What tools promise: schemas, structured results, arguments by name, errors that say what is wrong."""

import logging
from typing import Annotated, Any

import msgspec
import pytest

from nestpy_core import App, DomainError, FailureKind, injectable, module, public
from nestpy_http import HttpModule
from nestpy_mcp import (
    Image,
    McpClient,
    McpRefusedError,
    McpRequest,
    ResourceContent,
    Text,
    ToolError,
    ToolResult,
    mcp,
    prompt,
    resource,
    tool,
)
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class Weather(msgspec.Struct):
    temperature: float
    note: str = ""


class Gone(DomainError):
    kind = FailureKind.NOT_FOUND


@injectable
class Thermometer:
    def read(self) -> float:
        return 21.5


@public
@mcp(name="demo", version="1.2.3", instructions="Ask for weather")
class Tools:
    thermometer: Thermometer

    @tool(title="Weather", read_only=True, destructive=False, idempotent=True, open_world=False)
    async def weather(
        self, latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)], request: McpRequest, unit: str = "C"
    ) -> Weather:
        """Tell the weather.

        Args:
            latitude: degrees to the north.
        """
        return Weather(self.thermometer.read())

    @tool()
    async def numbers(self) -> list[int]:
        """List numbers."""
        return [1, 2]

    @tool()
    async def words(self) -> str:
        """Say something."""
        return "before \u202e after"

    @tool()
    async def hidden(self) -> Weather:
        """Say something structured."""
        return Weather(1, note="a\u202eb")

    @tool()
    async def blocks(self) -> list[Text | Image]:
        """Show an image."""
        return [Text("look"), Image(b"\x89PNG", "image/png")]

    @tool()
    async def whole(self) -> ToolResult:
        """Decide everything."""
        return ToolResult(content=["x"], structured={"x": 1}, is_error=True)

    @tool()
    async def breaks(self) -> str:
        """Break."""
        raise RuntimeError("the password is hunter2")

    @tool()
    async def fails(self) -> str:
        """Fail politely."""
        raise ToolError("The upstream is away")

    @tool()
    async def gone(self) -> str:
        """Find nothing."""
        raise Gone("There is no such cat")

    @tool()
    async def huge(self) -> str:
        """Return too much."""
        return "x" * 2_000_000

    @tool()
    async def fails_long(self) -> str:
        """Fail at length."""
        raise ToolError("x\u202e" * 1_000_000)

    @prompt()
    async def huge_prompt(self) -> list[str]:
        """Ask too much."""
        return ["x" * 300_000] * 4

    @resource("huge://many")
    async def huge_resource(self) -> list[ResourceContent]:
        return [ResourceContent(uri=f"huge://{number}", text="x" * 300_000) for number in range(4)]

    @resource("hidden://text")
    async def hidden_resource(self) -> str:
        return "a\u2066b\x00c\x9bd"

    @prompt()
    async def hidden_prompt(self) -> str:
        """Ask in hiding."""
        return "a\u2066b\x00c\x9bd"


@module(imports=[HttpModule.for_root()], providers=[Thermometer, Tools])
class AppModule: ...


@pytest.fixture
async def client() -> Any:
    async with TestApp(App(AppModule)) as app:
        yield app.mcp()


async def test_initialize_tells_who_the_server_is_and_what_it_offers(client: McpClient) -> None:
    result = await client.initialize()
    assert result["protocolVersion"] == "2025-11-25"
    assert result["serverInfo"] == {"name": "demo", "version": "1.2.3"}
    assert result["instructions"] == "Ask for weather"
    assert result["capabilities"] == {"logging": {}, "tools": {}, "prompts": {}, "resources": {}}


async def test_a_tool_is_listed_with_its_schemas_its_constraints_and_its_hints(client: McpClient) -> None:
    listed = {one["name"]: one for one in await client.tools()}
    weather = listed["weather"]
    assert weather["title"] == "Weather"
    assert weather["description"] == "Tell the weather."
    assert weather["inputSchema"] == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "latitude": {"type": "number", "minimum": -90, "maximum": 90, "description": "degrees to the north."},
            "unit": {"type": "string", "default": "C"},
        },
        "required": ["latitude"],
        "additionalProperties": False,
    }
    assert weather["outputSchema"]["properties"]["temperature"] == {"type": "number"}
    assert weather["annotations"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert listed["numbers"]["outputSchema"]["required"] == ["result"]
    assert "outputSchema" not in listed["words"]


async def test_results_are_structured_and_text_at_once(client: McpClient) -> None:
    result = await client.call_tool("weather", {"latitude": 3})
    assert result["structuredContent"] == {"temperature": 21.5, "note": ""}
    assert msgspec.json.decode(result["content"][0]["text"]) == result["structuredContent"]
    assert (await client.call_tool("numbers"))["structuredContent"] == {"result": [1, 2]}
    assert (await client.call_tool("blocks"))["content"][1] == {
        "type": "image",
        "data": "iVBORw==",
        "mimeType": "image/png",
    }
    whole = await client.call_tool("whole")
    assert (whole["isError"], whole["structuredContent"]) == (True, {"x": 1})


async def test_characters_that_deceive_a_reader_are_escaped_in_text_and_data(client: McpClient) -> None:
    assert (await client.call_tool("words"))["content"][0]["text"] == "before \\u202e after"
    hidden = await client.call_tool("hidden")
    assert hidden["structuredContent"]["note"] == "a\\u202eb"
    assert "\u202e" not in hidden["content"][0]["text"]
    shown = "a\\u2066b\\u0000c\\u009bd"
    assert (await client.read_resource("hidden://text"))["contents"][0]["text"] == shown
    assert (await client.get_prompt("hidden_prompt"))["messages"][0]["content"]["text"] == shown
    failed = (await client.call_tool("fails_long"))["content"][0]["text"]
    assert "\u202e" not in failed
    assert len(failed) < 1_000_000


@pytest.mark.parametrize(
    ("arguments", "field", "code"),
    [
        ({}, "latitude", "required"),
        ({"latitude": 91}, "latitude", "range"),
        ({"latitude": "north"}, "latitude", "type"),
        ({"latitude": 1, "extra": 1}, "extra", "unknown_field"),
    ],
)
async def test_bad_arguments_are_invalid_params_with_every_field(
    client: McpClient, arguments: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(McpRefusedError) as refused:
        await client.call_tool("weather", arguments)
    assert refused.value.code == -32602
    assert refused.value.data["errors"][field][0]["code"] == code
    assert "north" not in str(refused.value.data)


async def test_an_exception_is_an_opaque_internal_error_and_a_line_in_the_log(
    client: McpClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(McpRefusedError) as refused:
        await client.call_tool("breaks")
    assert (refused.value.code, str(refused.value), refused.value.data) == (-32603, "Internal error", None)
    assert "Tools.breaks failed: RuntimeError" in caplog.text


async def test_what_a_tool_says_of_its_failure_reaches_the_model(client: McpClient) -> None:
    failed = await client.call_tool("fails")
    assert failed == {"content": [{"type": "text", "text": "The upstream is away"}], "isError": True}
    assert (await client.call_tool("gone"))["content"][0]["text"] == "There is no such cat"


async def test_unknown_tools_methods_and_results_that_are_too_large_are_errors(client: McpClient) -> None:
    for method, params, code in (
        ("tools/call", {"name": "nobody"}, -32602),
        ("tools/nothing", {}, -32601),
        ("tools/call", {"name": "huge"}, -32603),
        ("prompts/get", {"name": "huge_prompt"}, -32603),
        ("resources/read", {"uri": "huge://many"}, -32603),
    ):
        with pytest.raises(McpRefusedError) as refused:
            await client.call(method, params)
        assert refused.value.code == code, method

"""The server that the official conformance suite asks for."""

import asyncio
import base64
import os
from typing import Annotated, Any

import msgspec

from nestpy_core import App, module, public
from nestpy_http import HttpModule
from nestpy_mcp import (
    Audio,
    ClientCapabilityError,
    EmbeddedResource,
    Image,
    McpModule,
    McpRequest,
    PromptMessage,
    ResourceContent,
    Text,
    ToolError,
    completion,
    mcp,
    prompt,
    resource,
    tool,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
STATEFUL = os.environ.get("STATEFUL") == "1"
DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
CHOICES = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)]
ENUMS: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": CHOICES},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": CHOICES}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}


class User(msgspec.Struct):
    username: Annotated[str, msgspec.Meta(description="User's response")]
    email: Annotated[str, msgspec.Meta(description="User's email address")]


class address(msgspec.Struct):  # as the suite calls it
    street: str | None = None
    city: str | None = None


@public
@mcp(name="everything", version="1.0.0", stateful=STATEFUL)
class Everything:
    @tool()
    async def test_simple_text(self) -> str:
        """Say a text."""
        return "This is a simple text response for testing."

    @tool()
    async def test_image_content(self) -> Image:
        """Show an image."""
        return Image(PNG, "image/png")

    @tool()
    async def test_audio_content(self) -> Audio:
        """Play a sound."""
        return Audio(WAV, "audio/wav")

    @tool()
    async def test_embedded_resource(self) -> EmbeddedResource:
        """Embed a resource."""
        text = "This is an embedded resource content."
        return EmbeddedResource(ResourceContent(uri="test://embedded-resource", mime_type="text/plain", text=text))

    @tool()
    async def test_multiple_content_types(self) -> list[Text | Image | EmbeddedResource]:
        """Show several."""
        data = '{"test":"data","value":123}'
        mixed = ResourceContent(uri="test://mixed-content-resource", mime_type="application/json", text=data)
        return [Text("Multiple content types test:"), Image(PNG, "image/png"), EmbeddedResource(mixed)]

    @tool()
    async def test_tool_with_logging(self, request: McpRequest) -> str:
        """Log."""
        for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await request.log("info", text)
            await asyncio.sleep(0.05)
        return "done"

    @tool()
    async def test_error_handling(self) -> str:
        """Fail."""
        raise ToolError("This tool intentionally returns an error for testing")

    @tool()
    async def test_tool_with_progress(self, request: McpRequest) -> str:
        """Tell how far it is."""
        for done in (0, 50, 100):
            await request.progress(done, 100)
            await asyncio.sleep(0.05)
        return "done"

    @tool()
    async def test_sampling(self, prompt: str, request: McpRequest) -> str:
        """Ask the client's model."""
        try:
            asked = [{"role": "user", "content": {"type": "text", "text": prompt}}]
            answer = await request.sample(asked, max_tokens=100)
        except ClientCapabilityError as error:
            raise ToolError(str(error)) from error
        return f"LLM response: {answer['content']['text']}"

    @tool()
    async def test_elicitation(self, message: str, request: McpRequest) -> str:
        """Ask the user."""
        return await self._elicited(request, message, User, "User response:")

    @tool()
    async def test_elicitation_sep1034_defaults(self, request: McpRequest) -> str:
        """Ask with defaults."""
        schema = {"type": "object", "properties": DEFAULTS, "required": []}
        return await self._elicited(request, "defaults?", schema, "Elicitation completed:")

    @tool()
    async def test_elicitation_sep1330_enums(self, request: McpRequest) -> str:
        """Ask with choices."""
        schema = {"type": "object", "properties": ENUMS, "required": []}
        return await self._elicited(request, "which?", schema, "Elicitation completed:")

    async def _elicited(self, request: McpRequest, message: str, schema: Any, words: str) -> str:
        try:
            answer = await request.elicit(message, schema)
        except ClientCapabilityError as error:
            raise ToolError(str(error)) from error
        return f"{words} action={answer.action}, content={msgspec.json.encode(answer.content).decode()}"

    @tool()
    async def test_reconnection(self, request: McpRequest) -> str:
        """Let the client come back for its answer."""
        await request.hang_up()
        await asyncio.sleep(0.1)
        return "Reconnection test completed successfully"

    @tool()
    async def json_schema_2020_12_tool(self, name: str | None = None, address: address | None = None) -> str:
        """Tool with JSON Schema 2020-12 features"""
        return f"{name} {address}"

    @prompt()
    async def test_simple_prompt(self) -> str:
        """Say something simple."""
        return "This is a simple prompt for testing."

    @prompt()
    async def test_prompt_with_arguments(self, arg1: str, arg2: str) -> str:
        """Say two things."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @prompt()
    async def test_prompt_with_embedded_resource(self, resourceUri: str) -> list[PromptMessage]:
        """Embed a resource."""
        text = "Embedded resource content for testing."
        found = ResourceContent(uri=resourceUri, mime_type="text/plain", text=text)
        asked = "Please process the embedded resource above."
        return [PromptMessage(EmbeddedResource(found)), PromptMessage(asked)]

    @prompt()
    async def test_prompt_with_image(self) -> list[PromptMessage]:
        """Show an image."""
        return [PromptMessage(Image(PNG, "image/png")), PromptMessage("Please analyze the image above.")]

    @completion("arg1", of="test_prompt_with_arguments")
    async def cities(self, value: str) -> list[str]:
        return [city for city in ("paris", "park", "party", "london") if city.startswith(value)]

    @resource("test://static-text", mime_type="text/plain")
    async def static_text(self) -> str:
        """A text."""
        return "This is the content of the static text resource."

    @resource("test://static-binary", mime_type="image/png")
    async def static_binary(self) -> bytes:
        """An image."""
        return PNG

    @resource("test://template/{id}/data", mime_type="application/json")
    async def templated(self, id: str) -> dict[str, Any]:
        """Data by id."""
        return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}

    @resource("test://watched-resource")
    async def watched(self) -> str:
        """What may change."""
        return "watched"


@module(imports=[HttpModule.for_root(host="127.0.0.1"), McpModule], providers=[Everything])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()

"""The official Python client calls everything; prints what it saw as JSON."""

import asyncio
import json
import sys
from typing import Any

from mcp.client.client import Client
from mcp_types import ElicitResult


async def ask(context: Any, params: Any) -> ElicitResult:
    del context, params
    return ElicitResult(action="accept", content={"username": "ada", "email": "ada@example.com"})


async def use(url: str, mode: Any) -> dict[str, Any]:
    progress: list[float] = []

    async def told(done: float, total: float | None, message: str | None) -> None:
        del total, message
        progress.append(done)

    async with Client(url, mode=mode, elicitation_callback=ask) as client:
        tools = (await client.list_tools()).tools
        said = await client.call_tool("test_simple_text", {})
        worked = await client.call_tool("test_tool_with_progress", {}, progress_callback=told)
        asked = await client.call_tool("test_elicitation", {"message": "who?"})
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        read = await client.read_resource("test://template/7/data")
        failed = await client.call_tool("test_error_handling", {})
    return {
        "tools": len(tools),
        "said": said.content[0].text,  # type: ignore[union-attr]
        "worked": worked.content[0].text,  # type: ignore[union-attr]
        "asked": asked.content[0].text,  # type: ignore[union-attr]
        "progress": progress,
        "prompt": prompt.messages[0].content.text,  # type: ignore[union-attr]
        "read": read.contents[0].text,  # type: ignore[union-attr]
        "failed": failed.is_error,
    }


sys.stdout.write(json.dumps(asyncio.run(use(sys.argv[1], sys.argv[2]))) + "\n")

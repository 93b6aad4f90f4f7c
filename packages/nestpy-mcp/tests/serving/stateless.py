"""Calls a tool of a stateless server as an app of its own, and prints what that has loaded of OpenSSL's hashes."""

import asyncio
import sys

from nestpy_core import App, module, public
from nestpy_http import HttpClient, HttpModule
from nestpy_mcp import McpTestClient, mcp, tool


@public
@mcp()
class Tools:
    @tool()
    async def add(self, first: int, second: int) -> int:
        """Add two numbers."""
        return first + second


@module(imports=[HttpModule.for_root()], providers=[Tools])
class AppModule: ...


async def main() -> None:
    app = App(AppModule)
    async with app.create_context():
        result = await McpTestClient(HttpClient(app.__rsgi__))().call_tool("add", {"first": 1, "second": 2})
    loaded = sorted({"hashlib", "hmac", "secrets"} & set(sys.modules))
    sys.stdout.write(f"{result['structuredContent']['result']} {loaded}\n")


if __name__ == "__main__":
    asyncio.run(main())

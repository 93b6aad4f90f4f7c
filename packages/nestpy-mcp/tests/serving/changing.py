"""A server whose lists and resources change when a tool is called."""

from nestpy_core import App, module, public
from nestpy_http import HttpModule
from nestpy_mcp import McpNotices, mcp, resource, tool


@public
@mcp(name="changing")
class Changing:
    notices: McpNotices

    @tool()
    async def change(self) -> str:
        """Change everything."""
        self.notices.list_changed("prompts")
        self.notices.resource_updated("post://1")
        self.notices.resource_updated("post://2")
        self.notices.list_changed("tools")
        return "changed"

    @resource("post://{id}")
    async def post(self, id: int) -> str:
        return str(id)


@module(imports=[HttpModule.for_root()], providers=[Changing])
class AppModule: ...


app = App(AppModule)

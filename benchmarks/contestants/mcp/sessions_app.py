"""A stateful server of NestPy whose callers say who they are."""

import os

import msgspec

from nestpy_core import App, Denial, injectable, module, public, use_guards
from nestpy_http import HttpModule, controller, get
from nestpy_mcp import McpContext, McpModule, McpRequest, mcp, tool


class Caller(msgspec.Struct, frozen=True):
    id: str
    roles: tuple[str, ...] = ()


@injectable
class CallerGuard:
    posture = True

    def can_activate(self, context: McpContext) -> bool | Denial:
        name = context.headers.get("x-user")
        if not name:
            return Denial.unauthorized()
        context.actor = Caller(name)
        return True


@use_guards(CallerGuard)
@mcp(name="sessions", stateful=True)
class Tools:
    @tool()
    async def work(self, request: McpRequest) -> str:
        """Work, and tell how far it is."""
        await request.progress(1, 1)
        return "done"


@public
@controller("/ready")
class Ready:
    @get("/")
    async def ready(self) -> str:
        return "ready"


@module(
    imports=[HttpModule.for_root(port=int(os.environ["PORT"])), McpModule],
    providers=[Tools, Ready],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()

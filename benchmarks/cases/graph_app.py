"""One route that reaches the ten request-scoped providers, and one that reaches none."""

from __future__ import annotations

from cases.request_graph import ALL, Tenth
from nestpy_core import App, Inject, Scope, injectable, module
from nestpy_http import HttpModule, controller, get


@controller("/")
class GraphController:
    @get("/with")
    async def reach(self, tenth: Inject[Tenth]) -> str:
        return "Hello World"

    @get("/without")
    async def pass_by(self) -> str:
        return "Hello World"


@module(
    imports=[HttpModule.for_root()],
    providers=[GraphController, *(injectable(scope=Scope.REQUEST)(each) for each in ALL)],
)
class AppModule: ...


app = App(AppModule)

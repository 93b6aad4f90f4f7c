"""Makes the controller that carries the schema; it is public: guards stand before each operation."""

from __future__ import annotations

from typing import Any

from nestpy_core import Carrier, Graph, provide, public
from nestpy_http import Request, Response, StreamResponse, controller, get, http_code, post

from ._config import GraphqlConfig
from ._module import GraphqlModule, GraphqlShape
from ._request import GraphqlContext, GraphqlRequest
from ._runtime import GraphqlRuntime
from ._table import GraphqlTable


def endpoint_of(path: str) -> type:
    """Return the controller of the schema."""

    @public
    @controller(path)
    class GraphqlEndpoint:
        """Carries the schema."""

        runtime: GraphqlRuntime

        @post("/")
        @http_code(200)
        async def post(self, request: Request) -> Response | StreamResponse:
            return await self.runtime.post(request)

        @get("/")
        async def get(self, request: Request) -> Response | StreamResponse:
            return await self.runtime.get(request)

    return GraphqlEndpoint


def shape_of(graph: Graph) -> GraphqlShape:
    """Return what `GraphqlModule.for_root` was given."""
    found = graph.bindings_of(GraphqlShape)
    return found[0].source if found else GraphqlShape()


def contributions(graph: Graph) -> list[Any]:
    """Return what joins the graph of an app with resolvers."""
    endpoint = endpoint_of(shape_of(graph).path)
    return [
        Carrier(GraphqlRequest, ("graphql",)),
        Carrier(GraphqlContext, ("graphql",)),
        Carrier(Request, ("graphql",)),
        provide(GraphqlTable, use_value=GraphqlTable()),
        *(() if graph.has(GraphqlModule) else (GraphqlConfig,)),
        provide(GraphqlRuntime),
        provide(endpoint, use_class=endpoint),
    ]

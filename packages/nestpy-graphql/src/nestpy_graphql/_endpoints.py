"""Makes the controller that carries the schema; it is public: guards stand before each operation."""

from __future__ import annotations

from typing import Any

from nestpy_core import Carrier, Endpoint, Graph, provide, public, read_metadata
from nestpy_http import Request, Response, StreamResponse, WebSocket, controller, get, http_code, post, websocket

from ._config import GraphqlConfig
from ._explorer import ExplorerAssets, asset_endpoints
from ._federation import FederationService
from ._markers import SubscriptionMarker
from ._module import GraphqlModule, GraphqlShape
from ._reach import is_resolver
from ._request import GraphqlContext, GraphqlRequest
from ._runtime import GraphqlRuntime
from ._table import GraphqlTable


def endpoint_of(path: str, *, streams: bool) -> type:
    """Return the controller of the schema.

    Args:
        path: where it answers.
        streams: whether the schema has subscriptions, for which it takes sockets.
    """

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

        if streams:

            @websocket("/")
            async def talk(self, socket: WebSocket) -> None:
                await self.runtime.talk(socket)

    return public(controller(path)(GraphqlEndpoint))


def has_subscriptions(graph: Graph) -> bool:
    """Say whether a resolver of the graph, whose handlers are not linked yet, has a subscription."""
    hosts = [binding.source for binding in graph.bindings if binding.kind == "class" and is_resolver(binding.source)]
    return any(
        isinstance(marker, SubscriptionMarker)
        for host in hosts
        for base in host.__mro__
        for function in vars(base).values()
        for marker in read_metadata(function, "handlers", ())
    )


def explorer_endpoints(graph: Graph, path: str) -> list[Endpoint]:
    """Return what serves the files of GraphiQL, where that is on."""
    config: Any = graph.sections.get(GraphqlConfig)
    wanted = None if config is None else config.explorer
    if wanted is False or (wanted is None and not is_open(graph)):
        return []
    return [one for one in asset_endpoints(path) if isinstance(one, Endpoint)]


def is_open(graph: Graph) -> bool:
    """Say whether the schema is told to whoever asks: in development and in tests."""
    return graph.settings.environment in ("development", "test")


def shape_of(graph: Graph) -> GraphqlShape:
    """Return what `GraphqlModule.for_root` was given."""
    found = graph.bindings_of(GraphqlShape)
    return found[0].source if found else GraphqlShape()


def contributions(graph: Graph) -> list[Any]:
    """Return what joins the graph of an app with resolvers."""
    path = shape_of(graph).path
    table = GraphqlTable()
    endpoint = endpoint_of(path, streams=has_subscriptions(graph))
    return [
        Carrier(GraphqlRequest, ("graphql",)),
        Carrier(GraphqlContext, ("graphql",)),
        Carrier(Request, ("graphql",)),
        provide(GraphqlTable, use_value=table),
        provide(FederationService, use_value=table.service),
        *(() if graph.has(GraphqlModule) else (GraphqlConfig,)),
        provide(GraphqlRuntime),
        provide(ExplorerAssets, use_value=ExplorerAssets()),
        lambda graph: explorer_endpoints(graph, path),
        provide(endpoint, use_class=endpoint),
    ]

"""Makes the controllers that carry MCP servers over HTTP; they are public: guards stand before each operation."""

from __future__ import annotations

from typing import Any

from nestpy_core import Carrier, Graph, provide, public, read_metadata
from nestpy_http import Request, Response, StreamResponse, controller, delete, get, http_code, post

from ._config import McpConfig
from ._markers import McpMarker
from ._module import McpModule
from ._notices import McpNotices
from ._request import McpContext, McpRequest
from ._runtime import McpRuntime, open_store
from ._sessions import SessionStore
from ._table import McpTable


def paths_of(graph: Graph) -> list[str]:
    """Return the paths of the hosts of a graph whose hosts are not linked yet."""
    found: dict[str, None] = {}
    for binding in graph.bindings:
        if binding.kind == "class":
            for marker in read_metadata(binding.source, "hosts", ()):
                if isinstance(marker, McpMarker):
                    found[marker.path] = None
    return list(found)


def endpoint_of(path: str) -> type:
    """Return the controller of one server."""

    @public
    @controller(path)
    class McpEndpoint:
        """Carries one server."""

        runtime: McpRuntime

        @post("/")
        @http_code(200)
        async def post(self, request: Request) -> Response | StreamResponse:
            return await self.runtime.transport(path).post(request)

        @get("/")
        async def get(self, request: Request) -> Response | StreamResponse:
            return await self.runtime.transport(path).get(request)

        @delete("/")
        async def delete(self, request: Request) -> Response:
            return await self.runtime.transport(path).delete(request)

    return McpEndpoint


def metadata_of(paths: list[str]) -> type:
    """Return the controller of the protected-resource metadata of all servers (RFC 9728)."""

    @public
    @controller("/.well-known/oauth-protected-resource")
    class ProtectedResource:
        """Says where clients get tokens."""

        runtime: McpRuntime

        @get("/{rest...}")
        async def below(self, rest: str, request: Request) -> Response:
            return self.runtime.metadata(f"/{rest}", request)

        @get("/")
        async def root(self, request: Request) -> Response:
            return self.runtime.metadata(paths[0], request)

    return ProtectedResource


def contributions(graph: Graph) -> list[Any]:
    """Return what joins the graph of an app with hosts."""
    paths = paths_of(graph)
    endpoints = [endpoint_of(path) for path in paths]
    return [
        Carrier(McpRequest, ("mcp",)),
        Carrier(McpContext, ("mcp",)),
        provide(McpTable, use_value=McpTable()),
        *(() if graph.has(McpModule) else (McpConfig,)),
        provide(McpRuntime),
        provide(McpNotices),
        provide(SessionStore, use_factory=open_store, default=True),
        *(provide(one, use_class=one) for one in (*endpoints, metadata_of(paths))),
    ]

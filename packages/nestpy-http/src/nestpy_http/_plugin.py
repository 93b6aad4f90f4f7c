"""What nestpy-http adds to an app, through core's hooks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import App, Graph

    from ._edge import HttpEdge

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app that uses `HttpModule` has imported it; where nobody has, nothing of this package is loaded.
    loaded = sys.modules.get("nestpy_http._module")
    return loaded is not None and graph.has(loaded.HttpModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the request and its context into request-scoped providers."""
    if not _has_work(graph):
        return None
    from nestpy_core import Carrier

    from ._context import HttpContext, Request

    return [Carrier(Request, ("http",)), Carrier(HttpContext, ("http",))]


@hookimpl
def nestpy_edge(graph: Graph) -> HttpEdge | None:
    """Serve the controllers, once `HttpModule` is imported or a controller asks for it."""
    if not _has_work(graph) and not any(True for _ in graph.handlers_of("http")):
        return None
    from ._edge import HttpEdge

    return HttpEdge(graph)


@hookimpl
def nestpy_client(app: App) -> tuple[str, Any] | None:
    """Give the test kit a client without a socket."""
    edge = next((edge for edge in app.edges if edge.name == "http"), None)
    if edge is None:
        return None
    from ._client import HttpClient

    return "http", HttpClient(app.__rsgi__, asgi=app)

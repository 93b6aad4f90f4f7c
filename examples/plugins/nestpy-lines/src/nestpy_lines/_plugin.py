"""What nestpy-lines adds to an app, through core's hooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import App, Edge, Graph

nestpy_api = "0.1"

MODULE = "nestpy_lines:LinesModule"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the line into request-scoped providers."""
    if not graph.has(MODULE):
        return None
    from nestpy_core import Carrier

    from ._context import Line, LinesContext

    return [Carrier(Line, ("lines",)), Carrier(LinesContext, ("lines",))]


@hookimpl
def nestpy_edge(graph: Graph) -> Edge | None:
    """Answer commands."""
    if not graph.has(MODULE):
        return None
    from ._edge import LinesEdge

    return LinesEdge(graph)


@hookimpl
def nestpy_client(app: App) -> tuple[str, Any] | None:
    """Send commands in tests."""
    if not app.graph.has(MODULE):
        return None
    from ._client import LinesClient
    from ._edge import LinesEdge

    return next((("lines", LinesClient(edge)) for edge in app.edges if isinstance(edge, LinesEdge)), None)

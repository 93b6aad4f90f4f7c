"""What nestpy-mcp adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    import click

    from nestpy_core import App, Graph

    from ._client import McpTestClient
    from ._edge import McpEdge

nestpy_api = "0.1"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the operation into request-scoped providers, and bring the controllers that carry the servers."""
    # An app with hosts has imported their decorator; where nobody has, nothing of this package is loaded.
    if "nestpy_mcp._markers" not in sys.modules:
        return None
    from ._endpoints import contributions, paths_of

    return contributions(graph) if paths_of(graph) else None


@hookimpl
def nestpy_edge(graph: Graph) -> McpEdge | None:
    """Compile the hosts."""
    if not any(True for _ in graph.handlers_of("mcp")):
        return None
    from ._edge import McpEdge

    return McpEdge(graph)


@hookimpl
def nestpy_commands(group: click.Group) -> None:
    """Add `nestpy mcp`."""
    from ._commands import mcp

    group.add_command(mcp)


@hookimpl
def nestpy_client(app: App) -> tuple[str, McpTestClient] | None:
    """Give the test kit a client."""
    if not any(edge.name == "mcp" for edge in app.edges):
        return None
    from nestpy_http import HttpClient

    from ._client import McpTestClient

    return "mcp", McpTestClient(HttpClient(app.__rsgi__))

"""What nestpy-graphql adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    import click

    from nestpy_core import App, Graph

    from ._client import GraphqlTestClient
    from ._edge import GraphqlEdge

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app with resolvers has imported their decorator; where nobody has, nothing of this package is loaded.
    if "nestpy_graphql._markers" not in sys.modules and "nestpy_graphql._module" not in sys.modules:
        return False
    from ._reach import has_work

    return has_work(graph)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the operation into request-scoped providers, and bring the controller that carries the schema."""
    if not _has_work(graph):
        return None
    from ._endpoints import contributions

    return contributions(graph)


@hookimpl
def nestpy_edge(graph: Graph) -> GraphqlEdge | None:
    """Compose the schema and compile its fields."""
    if not _has_work(graph):
        return None
    from ._edge import GraphqlEdge

    return GraphqlEdge(graph)


@hookimpl
def nestpy_commands(group: click.Group) -> None:
    """Add `nestpy graphql`."""
    from ._commands import graphql

    group.add_command(graphql)


@hookimpl
def nestpy_client(app: App) -> tuple[str, GraphqlTestClient] | None:
    """Give the test kit a client."""
    edge = next((edge for edge in app.edges if edge.name == "graphql"), None)
    if edge is None:
        return None
    from nestpy_http import HttpClient

    from ._client import GraphqlTestClient
    from ._endpoints import shape_of

    return "graphql", GraphqlTestClient(HttpClient(app.__rsgi__, asgi=app), shape_of(app.graph).path)

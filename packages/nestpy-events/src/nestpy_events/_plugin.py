"""What nestpy-events adds to an app, through core's hooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import App, Graph

    from ._edge import EventsEdge

nestpy_api = "0.1"

_MODULE = "nestpy_events._module:EventsModule"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Bring the table of listeners."""
    if not graph.has(_MODULE):
        return None
    from ._edge import contributions

    return contributions()


@hookimpl
def nestpy_edge(graph: Graph) -> EventsEdge | None:
    """Compile the listeners."""
    if not graph.has(_MODULE):
        return None
    from ._edge import EventsEdge

    return EventsEdge(graph)


@hookimpl
def nestpy_client(app: App) -> tuple[str, Any] | None:
    """Give the test kit the bus."""
    edge: Any = next((edge for edge in app.edges if edge.name == "events"), None)
    return None if edge is None or edge.table.bus is None else ("events", edge.table.bus)

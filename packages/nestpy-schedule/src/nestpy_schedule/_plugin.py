"""What nestpy-schedule adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph

    from ._edge import ScheduleEdge

nestpy_api = "0.1"

_MODULE = "nestpy_schedule._module:ScheduleModule"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the tick into request-scoped providers."""
    if not graph.has(_MODULE):
        return None
    from nestpy_core import Carrier

    from ._tick import Tick, TickContext

    return [Carrier(Tick, ("schedule",)), Carrier(TickContext, ("schedule",))]


@hookimpl
def nestpy_edge(graph: Graph) -> ScheduleEdge | None:
    """Run the schedules."""
    if not graph.has(_MODULE):
        return None
    from ._edge import ScheduleEdge

    return ScheduleEdge(graph)

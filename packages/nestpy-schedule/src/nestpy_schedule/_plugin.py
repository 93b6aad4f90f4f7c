"""What nestpy-schedule adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph

    from ._edge import ScheduleEdge

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app that uses `ScheduleModule` has imported it; where nobody has, nothing of this package is loaded.
    loaded = sys.modules.get("nestpy_schedule._module")
    return loaded is not None and graph.has(loaded.ScheduleModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the tick into request-scoped providers."""
    if not _has_work(graph):
        return None
    from nestpy_core import Carrier

    from ._tick import Tick, TickContext

    return [Carrier(Tick, ("schedule",)), Carrier(TickContext, ("schedule",))]


@hookimpl
def nestpy_edge(graph: Graph) -> ScheduleEdge | None:
    """Run the schedules."""
    if not _has_work(graph):
        return None
    from ._edge import ScheduleEdge

    return ScheduleEdge(graph)

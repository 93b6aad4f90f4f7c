"""What nestpy-health adds to an app, through core's hooks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph

    from ._edge import HealthEdge

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app that uses `HealthModule` has imported it; where nobody has, nothing of this package is loaded.
    loaded = sys.modules.get("nestpy_health._module")
    return loaded is not None and graph.has(loaded.HealthModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Bring the endpoints of the three probes."""
    if not _has_work(graph):
        return None
    from ._edge import contributions

    return contributions()


@hookimpl
def nestpy_edge(graph: Graph) -> HealthEdge | None:
    """Compile the indicators, and serve the probes where no other edge does."""
    if not _has_work(graph):
        return None
    from ._edge import HealthEdge

    return HealthEdge(graph)

"""What nestpy-authz adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph, Handler, HandlerMarker, Instrument, Problem

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    loaded = sys.modules.get("nestpy_authz._module")
    return loaded is not None and graph.has(loaded.AuthzModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Tell the abilities what storage knows of its entities."""
    if not _has_work(graph):
        return None
    from nestpy_core import provide

    from ._entities import Entities
    from ._mask import shown_schemas

    entities = Entities(graph.schema_of)
    graph.schema_of = shown_schemas(graph.schema_of, entities)
    return [provide(Entities, use_value=entities)]


@hookimpl
def nestpy_verify(graph: Graph) -> Iterable[Problem] | None:
    """Find what is authorized and cannot be decided."""
    if "nestpy_authz._authorize" not in sys.modules:
        return None
    from ._verify import reversed_guards, undecidable, unprovided

    return [*reversed_guards(graph), *undecidable(graph)] if _has_work(graph) else unprovided(graph)


@hookimpl
def nestpy_instrument(
    graph: Graph, handler: Handler | None, marker: HandlerMarker | None
) -> Iterable[Instrument] | None:
    """Mask what callers are shown, and let visitors be asked on public handlers."""
    if handler is None or marker is None or not (marker.shows or marker.exposed) or not _has_work(graph):
        return None
    from nestpy_core import Instrument

    from ._mask import Mask, may_show
    from ._visit import Visit, has_visitors

    found = [Instrument(Visit, "operation")] if handler.public and has_visitors(graph) else []
    return [*found, Instrument(Mask, "result")] if marker.shows and may_show(handler.returns, graph) else found

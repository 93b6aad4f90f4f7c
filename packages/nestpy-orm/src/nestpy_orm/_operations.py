"""Tells edges of the operations that `@crud` classes offer."""

from __future__ import annotations

from nestpy_core import Graph, Operation

from ._crud import ACTIONS, crud_of
from ._entity import entity_of


def operations_of(graph: Graph) -> list[Operation]:
    """Return what the `@crud` classes of the graph offer, in order."""
    found = []
    for binding in graph.bindings:
        host = crud_of(binding.source) if binding.kind == "class" and isinstance(binding.source, type) else None
        if host is None:
            continue
        for name in host.only:
            found.append(  # noqa: PERF401  # a comprehension of this length reads worse
                Operation(
                    name=name,
                    kind="query" if name in ("list", "get") else "command",
                    entity=host.entity,
                    host=binding.token,
                    method=name,
                    action=ACTIONS[name],
                    path=host.path,
                    key=entity_of(host.entity).key.name,
                )
            )
    return found

"""Says whether an app uses GraphQL at all, for a price that every boot can pay."""

from __future__ import annotations

import sys

from nestpy_core import Graph, read_metadata

from ._markers import ResolverMarker


def has_work(graph: Graph) -> bool:
    """Say whether the graph holds a resolver, or imports the module."""
    loaded = sys.modules.get("nestpy_graphql._module")
    if loaded is not None and graph.has(loaded.GraphqlModule):
        return True
    return any(binding.kind == "class" and is_resolver(binding.source) for binding in graph.bindings)


def is_resolver(cls: type) -> bool:
    """Say whether a class is decorated with `@resolver`."""
    return any(isinstance(marker, ResolverMarker) for marker in read_metadata(cls, "hosts", ()))

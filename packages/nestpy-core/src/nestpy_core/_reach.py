"""Finds what one call of a handler needs and builds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ._graph import Binding, Graph
from ._handler import Handler
from ._provider import Scope

__all__ = ("needs_of", "reachable")


def frontier(starts: Iterable[Binding]) -> tuple[list[Binding], list[Binding]]:
    """Return what a call builds for itself that needs *starts*, and the request-scoped ones that it shares.

    It is what `reachable` yields, up to the request-scoped providers, which several calls have in common.
    """
    met = list(_walk(starts, is_shared))
    return [one for one in met if not is_shared(one)], [one for one in met if is_shared(one)]


def is_shared(binding: Binding) -> bool:
    """Say whether one instance serves a whole unit of work; what an edge carries is not made at all."""
    return binding.scope is Scope.REQUEST and binding.kind not in ("carrier", "existing")


def reachable(starts: Iterable[Binding]) -> Iterator[Binding]:
    """Yield everything that is built anew for a call that needs *starts*; singletons are not entered."""
    return _walk(starts)


def _walk(starts: Iterable[Binding], ends: Callable[[Binding], bool] | None = None) -> Iterator[Binding]:
    """Yield what is reached, each once; neither singletons are entered nor what *ends* says."""
    seen: set[int] = set()
    queue = list(starts)
    while queue:
        binding = queue.pop()
        if id(binding) in seen:
            continue
        seen.add(id(binding))
        yield binding
        if ends is not None and ends(binding):
            continue
        if binding.scope is not Scope.SINGLETON or binding.kind == "existing":
            queue.extend(target for _, target in binding.dependencies())


def needs_of(handler: Handler, graph: Graph) -> list[Binding]:
    """Return the bindings that a handler asks for: its host, its layers, its parameters' pipes and injections."""
    found = [handler.host]
    found += [use.binding for uses in handler.layers.values() for use in uses if use.binding is not None]
    for parameter in handler.parameters:
        found += [use.binding for use in parameter.pipes if use.binding is not None]
        found += graph.injected.get((handler.host, handler.name, parameter.name), ())
    return found

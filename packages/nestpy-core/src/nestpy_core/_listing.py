"""Lists what an app serves: the summary line, the table of routes and the generated sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ._hooks import EdgeEntry

if TYPE_CHECKING:
    from ._app import App
    from ._graph import Graph
    from ._handler import Handler
    from ._hooks import Edge


def summary(app: App) -> str:
    """Say in one line that the app boots, and what it consists of."""
    graph = app.graph
    modules = [node for node in graph.modules if node.cls is not None]
    providers = [binding for binding in graph.bindings if binding.module.cls is not None]
    edges = ", ".join(edge.name for edge in app.edges) or "no edges"
    counts = ", ".join(
        (
            _count(len(modules), "module"),
            _count(len(providers), "provider"),
            _count(len(graph.handlers), "handler"),
        )
    )
    return f"`{graph.root.label}` boots: {counts} ({edges})."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def routes_text(app: App) -> str:
    """Return a table for each edge: what callers reach, what answers, and what guards it."""
    blocks = [_table(edge.name, list(entries_of(edge, app.graph))) for edge in app.edges]
    return "\n\n".join(block for block in blocks if block) or "Nothing is served."


def entries_of(edge: Edge, graph: Graph) -> Iterable[EdgeEntry]:
    """Return what the edge lists of itself, else its handlers by their decorators."""
    own: Callable[[], Iterable[EdgeEntry]] | None = getattr(edge, "entries", None)
    if own is not None:
        return own()
    return [EdgeEntry(marker.word, handler) for handler, _, marker in graph.handlers_of(edge.name)]


def _table(name: str, entries: Sequence[EdgeEntry]) -> str:
    if not entries:
        return ""
    rows = [(entry.what, entry.handler.label, _protection(entry.handler)) for entry in entries]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {what:<{widths[0]}}  {handler:<{widths[1]}}  {guards}".rstrip() for what, handler, guards in rows]
    return "\n".join([name, *lines])


def _protection(handler: Handler) -> str:
    guards = [use.layer.__name__ for use in handler.layers.get("guards", ())]
    return ", ".join([*(["public"] if handler.public else []), *guards])


def sources_text(app: App) -> str:
    """Return the source of every generated function under its file name."""
    return "\n".join(f"\n# {function.filename}\n{function.source}".rstrip() for function in app.functions)

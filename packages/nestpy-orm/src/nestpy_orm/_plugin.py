"""What nestpy-orm adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    import click

    from nestpy_core import Graph, Handler, HandlerMarker, Instrument, Problem, SchemaSupport

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    loaded = sys.modules.get("nestpy_orm._module")
    return loaded is not None and graph.has(loaded.OrmModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Contribute the operations of `@crud` classes, and what leads from one entity to another."""
    if not _has_work(graph):
        return None
    from ._operations import operations_of
    from ._relation_table import contributions

    return [*operations_of(graph), *contributions()]


@hookimpl
def nestpy_verify(graph: Graph) -> Iterable[Problem] | None:
    """Check the URL, and that entities which are returned are exposed."""
    if not _has_work(graph):
        return None
    from ._checks import problems_of

    return problems_of(graph)


@hookimpl
def nestpy_instrument(
    graph: Graph, handler: Handler | None, marker: HandlerMarker | None
) -> Iterable[Instrument] | None:
    """Put a unit of work around every handler that can reach the database."""
    if handler is None or not _has_work(graph):
        return None
    from ._checks import instruments_of

    return instruments_of(graph, handler, marker)


@hookimpl
def nestpy_schema(cls: type) -> SchemaSupport | None:
    """Serve entities; an app that has none does not import piccolo here either."""
    table = sys.modules.get("piccolo.table")
    if table is None or not issubclass(cls, table.Table):
        return None
    from ._schema import EntitySupport

    return EntitySupport()


@hookimpl
def nestpy_commands(group: click.Group) -> None:
    """Add ``nestpy db``."""
    from ._commands import db

    group.add_command(db)

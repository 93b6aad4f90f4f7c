"""What nestpy-openapi adds to an app, through core's hooks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    import click

    from nestpy_core import Graph, Problem

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app that uses `OpenApiModule` has imported it; where nobody has, nothing of this package is loaded.
    loaded = sys.modules.get("nestpy_openapi._module")
    return loaded is not None and graph.has(loaded.OpenApiModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Serve the document and its page."""
    if not _has_work(graph):
        return None
    from ._endpoints import contributions

    return contributions(graph)


@hookimpl
def nestpy_verify(graph: Graph) -> Iterable[Problem] | None:
    """Refuse what no document can hold."""
    if not _has_work(graph):
        return None
    from ._checks import problems

    return problems(graph)


@hookimpl
def nestpy_commands(group: click.Group) -> None:
    """Add `nestpy openapi`."""
    from ._commands import openapi

    group.add_command(openapi)

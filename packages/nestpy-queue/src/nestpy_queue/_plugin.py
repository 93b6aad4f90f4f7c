"""What nestpy-queue adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    import click

    from nestpy_core import Graph

    from ._edge import QueueEdge

nestpy_api = "0.1"

_MODULE = "nestpy_queue._module:QueueModule"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Carry the attempt into request-scoped providers, and keep what is known of the app's jobs."""
    if not graph.has(_MODULE):
        return None
    from nestpy_core import Carrier, provide

    from ._context import JobContext, RunningJob
    from ._types import JobTypes

    return [
        Carrier(RunningJob, ("queue",)),
        Carrier(JobContext, ("queue",)),
        provide(JobTypes, use_value=JobTypes()),
    ]


@hookimpl
def nestpy_edge(graph: Graph) -> QueueEdge | None:
    """Run the processors."""
    if not graph.has(_MODULE):
        return None
    from ._edge import QueueEdge

    return QueueEdge(graph)


@hookimpl
def nestpy_commands(group: click.Group) -> None:
    """Add `nestpy queue`."""
    from ._commands import queue

    group.add_command(queue)

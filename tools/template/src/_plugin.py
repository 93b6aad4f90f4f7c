"""What nestpy-{{name}} adds to an application, as hooks of nestpy-core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph

nestpy_api = "{{hooks}}"

_MODULE = "nestpy_{{module}}:{{class}}Module"


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Contribute to apps that import the module."""
    if not graph.has(_MODULE):
        return None
    return []

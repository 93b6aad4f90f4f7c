"""What is wrong with descriptions, found at boot."""

from __future__ import annotations

from collections.abc import Iterator

from nestpy_core import Graph

from ._config import OpenApiConfig
from ._operations import written_on
from ._security import Security
from .errors import DescriptionError


def problems(graph: Graph) -> Iterator[DescriptionError]:
    """Yield what no document can hold: schemes that nothing declares, two operations of one name."""
    config = graph.sections.get(OpenApiConfig)
    if isinstance(config, OpenApiConfig):
        yield from Security(config).problems(graph)
    owners: dict[str, str] = {}
    for handler in graph.handlers:
        name = written_on(handler.function).operation_id
        if name is None:
            continue
        if owners.setdefault(name, handler.label) != handler.label:
            yield DescriptionError(
                f"`{owners[name]}` and `{handler.label}` both have the operation id `{name}`.",
                hints=("give one of them another `operation_id=` in `@api`",),
            )

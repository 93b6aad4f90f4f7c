"""Finds the entities that an app's handlers and operations are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from msgspec import inspect as msgspec_inspect
from piccolo.table import Table

from nestpy_core import Graph

from ._entity import entity_of


def entities_in(hint: Any) -> Iterator[type[Table]]:
    """Yield the entities within an annotation, looking into Structs as well."""
    if isinstance(hint, type) and issubclass(hint, Table):
        yield hint
        return
    for argument in get_args(hint):
        yield from entities_in(argument)
    if isinstance(hint, type) and hasattr(hint, "__struct_fields__"):
        try:
            fields = msgspec_inspect.type_info(hint).fields  # type: ignore[attr-defined]  # a Struct's
        except (TypeError, NameError):
            return
        for field in fields:
            if isinstance(field.type, msgspec_inspect.CustomType):
                yield from entities_in(field.type.cls)


def roots_of(graph: Graph) -> list[type[Table]]:
    """Return the exposed entities that handlers return and operations are about, in order, each once."""
    found = [cls for handler in graph.handlers for cls in entities_in(handler.returns)]
    found += [cls for operation in graph.operations for cls in entities_in(operation.entity)]
    return [cls for cls in dict.fromkeys(found) if entity_of(cls).exposure.exposed]

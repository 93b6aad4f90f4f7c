"""Finds every entity of an app, exposed or not: those whose tables its database must have."""

from __future__ import annotations

from typing import get_args, get_origin

from piccolo.table import Table

from nestpy_core import Graph, Record

from ._entity import entity_of
from ._reachable import entities_in
from ._relation_table import RelationTable
from ._repository import Repository


class EntitySource(Record, frozen=True):
    """One entity of the app, as `OrmModule.for_root` was given it."""

    entity: type[Table]


def entities_of(graph: Graph) -> list[type[Table]]:
    """Return what repositories, handlers, operations and `for_root` are about, and what it refers to, each once."""
    found = [binding.source.entity for binding in graph.bindings_of(EntitySource)]
    for binding in graph.bindings:
        found += get_args(binding.token) if get_origin(binding.token) is Repository else ()
    for handler in graph.handlers:
        found += entities_in(handler.returns)
    found += [operation.entity for operation in graph.operations if issubclass(operation.entity, Table)]
    found += [line.target for line in RelationTable(graph).lines]
    found = list(dict.fromkeys(found))
    for entity in found:  # grows meanwhile
        targets = dict.fromkeys(field.target for field in entity_of(entity).fields.values() if field.target is not None)
        found += [target for target in targets if target not in found]
    return found

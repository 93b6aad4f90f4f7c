"""Tells edges what leads from one exposed entity to another, and gives each such relation its batched method."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from piccolo.table import Table

from nestpy_core import AbilitySource, Graph, Page, Relation, provide

from ._batched import Batched
from ._database import Database
from ._entity import Field, entity_of
from ._exposure import Many
from ._reachable import roots_of
from ._structs import visible_fields
from .errors import ExposureError


class Relations:
    """The host of every relation of an app; each app derives its own class, with one method for each relation."""

    def __init__(self, database: Database, abilities: AbilitySource | None = None) -> None:
        self._database = database
        self._abilities = abilities
        self._readers: dict[type[Table], Batched[Any]] = {}

    def rows(self, entity: type[Table]) -> Batched[Any]:
        """Return what reads an entity, without the rows that `@expose(relations=…)` shows within it."""
        found = self._readers.get(entity)
        if found is None:
            found = self._readers[entity] = Batched(entity, self._database, self._abilities, relates=False)
        return found


def contributions() -> list[Any]:
    """Return the host of the app's relations, and what makes its methods once the handlers are known."""
    host: Any = type("EntityRelations", (Relations,), {"__module__": __name__, "__doc__": Relations.__doc__})

    def relations(graph: Graph) -> list[Relation]:
        return [_relation(host, line) for line in RelationTable(graph).lines]

    return [provide(host, use_class=host), relations]


class Line:
    """One relation, resolved: where it leads from and to, and the foreign key that it goes by."""

    def __init__(self, entity: type[Table], name: str, target: type[Table], field: Field, *, many: bool) -> None:
        self.entity = entity
        self.name = name
        self.target = target
        self.field = field
        self.many = many

    @property
    def referred(self) -> str:
        """The name of the field that the foreign key refers to."""
        meta: Any = self.field.source
        name: str = meta._foreign_key_meta.resolved_target_column._meta.name  # piccolo says it nowhere else
        return name


class RelationTable:
    """The relations of every exposed entity that the app returns, and of those that they lead to.

    Attributes:
        lines: in order of entity and definition.
        problems: what `@expose(many=…)` says that cannot be.
    """

    def __init__(self, graph: Graph) -> None:
        self.lines: list[Line] = []
        self.problems: list[ExposureError] = []
        self._known = roots_of(graph)
        for entity in self._known:  # grows meanwhile
            for line in self._of(entity):
                self.lines.append(line)
                if line.target not in self._known:
                    self._known.append(line.target)

    def _of(self, entity: type[Table]) -> Iterator[Line]:
        known = entity_of(entity)
        taken = {*known.fields, *known.exposure.many}
        for field in visible_fields(known):
            if field.target is not None and entity_of(field.target).exposure.exposed:
                short = field.name.removesuffix("_id")
                name = short if short and short not in taken else field.name
                yield Line(entity, name, field.target, field, many=False)
        for name, many in known.exposure.many.items():
            try:
                target = self._target(entity, name, many)
                yield Line(entity, name, target, _foreign_key(entity, name, many, target), many=True)
            except ExposureError as problem:
                self.problems.append(problem)

    def _target(self, entity: type[Table], name: str, many: Many) -> type[Table]:
        target = many.target if isinstance(many.target, type) else self._named(entity, many.target)
        if not (isinstance(target, type) and issubclass(target, Table)):
            path = "shop.entities.Thing" if "." in str(many.target) else f"{entity.__module__}.{many.target}"
            raise ExposureError(
                f"`{entity.__name__}.{name}` leads to `{many.target}`, which is no entity that can be found.",
                hints=(f'write its full path, for instance `Many("{path}")`',),
            )
        if not entity_of(target).exposure.exposed:
            raise ExposureError(
                f"`{entity.__name__}.{name}` leads to `{target.__name__}`, which is not exposed.",
                hints=(f"decorate `{target.__name__}` with `@expose()`",),
            )
        return target

    def _named(self, entity: type[Table], path: str) -> Any:
        """Return what a name or a path stands for; the name of a class within a function serves where one has it."""
        module, _, name = path.rpartition(".")
        if module:
            try:
                return getattr(importlib.import_module(module), name, None)
            except ImportError:
                return None
        found = getattr(sys.modules.get(entity.__module__), name, None)
        alike = [cls for cls in self._known if cls.__name__ == name]
        return found if found is not None or len(alike) != 1 else alike[0]


def _foreign_key(entity: type[Table], name: str, many: Many, target: type[Table]) -> Field:
    label = f"{entity.__name__}.{name}"
    fields = entity_of(target).fields.values()
    keys = {field.name: field for field in fields if field.target is not None and issubclass(entity, field.target)}
    if not keys:
        raise ExposureError(
            f"`{label}` leads to `{target.__name__}`, which has no foreign key to `{entity.__name__}`.",
            hints=(f"add one to `{target.__name__}`, or take `{name}` out of `many=`",),
        )
    hints = tuple(f'write `"{name}": Many("{target.__name__}", by="{key}")`' for key in keys)
    if many.by and many.by not in keys:
        raise ExposureError(
            f"`{label}` is by `{target.__name__}.{many.by}`, which is no foreign key to `{entity.__name__}`.",
            hints=hints,
        )
    if not many.by and len(keys) > 1:
        listed = " and by ".join(f"`{target.__name__}.{key}`" for key in keys)
        raise ExposureError(f"`{label}` may be by {listed}.", hints=hints)
    return keys[many.by] if many.by else next(iter(keys.values()))


def _relation(host: Any, line: Line) -> Relation:
    method = f"{line.entity.__name__}_{line.name}"
    while hasattr(host, method):
        method += "_"
    function = _many(line) if line.many else _one(line)
    function.__name__ = method
    function.__qualname__ = f"{host.__qualname__}.{method}"
    setattr(host, method, function)
    return Relation(
        entity=line.entity,
        name=line.name,
        target=line.target,
        kind="many" if line.many else "one",
        key=line.referred if line.many else line.field.name,
        host=host,
        method=method,
    )


def _one(line: Line) -> Callable[..., Any]:
    async def load(self: Relations, keys: Sequence[Any]) -> Mapping[Any, Any]:
        return await self.rows(line.target).by_keys(keys, field=line.referred)

    return load


def _many(line: Line) -> Callable[..., Any]:
    async def load(
        self: Relations, keys: Sequence[Any], *, first: int | None = None, after: str | None = None
    ) -> Mapping[Any, Page[Any]]:
        return await self.rows(line.target).related(line.field.name, keys, first=first, after=after)

    return load

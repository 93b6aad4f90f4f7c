"""How entities are encoded and described: through their exposure, and never without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import msgspec

from nestpy_core import Record, ViolationsError

from ._entity import entity_of
from ._relations import is_reference, related_to
from ._structs import exposed, hint_of, output_of, visible_fields

if TYPE_CHECKING:
    from piccolo.table import Table

Pick = Callable[[Mapping[str, Any]], dict[str, Any]]

_SHAPE = "__nestpy_shape__"
_KEPT = 1000
"""Sets of fields that one entity remembers how to take: the rules of an app make far fewer."""
_NOT_AN_INPUT = {"": [{"code": "type", "message": "Expected the entity's input, not the entity"}]}


class EntitySupport:
    """Serves every entity; one that is not exposed cannot be encoded."""

    def decode(self, cls: type, value: Any) -> Any:
        """Refuse: bodies are `Creation` and `Changes`, so that nobody writes a primary key."""
        raise ViolationsError(_NOT_AN_INPUT)

    def encode(self, value: Any) -> Any:
        """Return the fields that may leave."""
        return self.encode_fields(value, None)

    def json_schema(self, cls: type) -> Mapping[str, Any]:
        """Return the schema of its output."""
        return msgspec.json.schema(output_of(cls))

    def name(self, cls: type) -> str:
        """Return what `@expose` calls it."""
        return exposed(cls).exposure.name or cls.__name__

    def description(self, cls: type) -> str:
        """Return the table's ``help_text``."""
        return exposed(cls).cls._meta.help_text or ""  # piccolo says it nowhere else

    def hints(self, cls: type) -> Mapping[str, Any]:
        """Return the types of the columns that may leave, with their ``help_text``."""
        return {field.name: hint_of(field) for field in visible_fields(exposed(cls))}

    def fields(self, cls: type) -> Sequence[str]:
        """Return the names of the fields that may leave; none of an entity that is not exposed."""
        return _shape(cls).names if entity_of(cls).exposure.exposed else ()

    def relations(self, cls: type) -> Sequence[str]:
        """Return the names that `@expose(many=…)` gives."""
        return tuple(entity_of(cls).exposure.many)

    def key(self, value: Table) -> Any:
        """Return the primary key of a row, which is what a foreign key to it holds."""
        return getattr(value, entity_of(type(value)).key.name)

    def encode_fields(self, value: Table, fields: frozenset[str] | None) -> Mapping[str, Any]:
        """Return those of *fields* that may leave; entities within stay entities."""
        shape = _shape(type(value))
        pick = shape.picks.get(fields) or shape.pick(fields)
        shown = pick(value.__dict__)
        if not shape.relations or is_reference(value):
            return shown
        related = related_to(value)
        known = {name: related[name] for name in shape.relations if name in shown and name in related}
        return {name: known.get(name) if name in shape.relations else held for name, held in shown.items()}


class _Shape(Record, frozen=True):
    """What is shown of an exposed entity.

    Attributes:
        names: the fields that may leave.
        relations: those of them that are shown as rows.
        picks: what takes some of them out of a row's attributes, by the fields that an actor may read.
    """

    names: tuple[str, ...]
    relations: tuple[str, ...]
    picks: dict[frozenset[str] | None, Pick]

    def pick(self, fields: frozenset[str] | None) -> Pick:
        """Return what takes *fields* out of a row's attributes, written out: in half the time of a loop."""
        names = [name for name in self.names if fields is None or name in fields]
        written = ", ".join(f"{name!r}: held[{name!r}]" for name in names)
        code = compile(f"lambda held: {{{written}}}", "nestpy:fields", "eval").co_consts[0]
        made: Pick = FunctionType(code, {})
        if len(self.picks) < _KEPT:
            self.picks[fields] = made
        return made


def _shape(cls: type[Table]) -> _Shape:
    found: _Shape | None = cls.__dict__.get(_SHAPE)
    if found is None:
        entity = exposed(cls)
        found = _Shape(tuple(field.name for field in visible_fields(entity)), entity.exposure.relations, {})
        setattr(cls, _SHAPE, found)
    return found

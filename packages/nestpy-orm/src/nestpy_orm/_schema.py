"""How entities are encoded and described: through their exposure, and never without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nestpy_core import ViolationsError

from ._entity import entity_of
from ._relations import is_reference, related_to
from ._structs import exposed, hint_of, output_of, visible_fields

if TYPE_CHECKING:
    from piccolo.table import Table

_SHAPE = "__nestpy_shape__"
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
        return _shape(cls)[0] if entity_of(cls).exposure.exposed else ()

    def relations(self, cls: type) -> Sequence[str]:
        """Return the names that `@expose(many=…)` gives."""
        return tuple(entity_of(cls).exposure.many)

    def key(self, value: Table) -> Any:
        """Return the primary key of a row, which is what a foreign key to it holds."""
        return getattr(value, entity_of(type(value)).key.name)

    def encode_fields(self, value: Table, fields: frozenset[str] | None) -> Mapping[str, Any]:
        """Return those of *fields* that may leave; entities within stay entities."""
        names, relations = _shape(type(value))
        held = vars(value)
        shown = {name: held[name] for name in names if fields is None or name in fields}
        if not relations or is_reference(value):
            return shown
        related = related_to(value)
        known = {name: related[name] for name in relations if name in shown and name in related}
        return {name: known.get(name) if name in relations else held for name, held in shown.items()}


def _shape(cls: type[Table]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields of an exposed entity that may leave, and those of them that are shown as rows."""
    found: tuple[tuple[str, ...], tuple[str, ...]] | None = vars(cls).get(_SHAPE)
    if found is None:
        entity = exposed(cls)
        found = (tuple(field.name for field in visible_fields(entity)), entity.exposure.relations)
        setattr(cls, _SHAPE, found)
    return found

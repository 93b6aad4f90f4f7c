"""Takes the schemas of foreign types, as schema plugins give them, into the definitions of one JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, get_origin

import msgspec

from nestpy_core import SchemaSupport

DEFS = "#/$defs/"
_MARK = "#/foreign/"


class ForeignSchemas:
    """Collects schemas while msgspec describes the other types, and names them once those have their names.

    A client holds results to their schema, and a mask may leave any field of an entity out: entities require none.
    """

    def __init__(self, support_of: Callable[[type], SchemaSupport | None]) -> None:
        self._support_of = support_of
        self._references: dict[type, str] = {}
        self._taken: dict[str, tuple[str, dict[str, Any]]] = {}
        self._maskable: set[str] = set()

    def __call__(self, cls: type) -> dict[str, Any]:
        """Return a reference to the schema of *cls*; msgspec's ``schema_hook``."""
        if cls not in self._references:
            support = self._support_of(get_origin(cls) or cls)
            if support is None:
                raise NotImplementedError
            self._references[cls] = self._take(cls, support)
        return {"$ref": self._references[cls]}

    def _take(self, cls: type, support: SchemaSupport) -> str:
        schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(support.json_schema(cls)))
        parts: dict[str, Any] = schema.pop("$defs", {})
        own = schema["$ref"].removeprefix(DEFS) if schema.keys() == {"$ref"} else ""
        if own not in parts:
            parts[own] = schema
        marks = {f"{DEFS}{name}": f"{_MARK}{number}" for number, name in enumerate(parts, len(self._taken))}
        for name, part in parts.items():
            _refer(part, marks)
            self._taken[marks[f"{DEFS}{name}"]] = (name or cls.__name__, part)
        if hasattr(support, "encode_fields"):
            self._maskable.update(marks.values())
        return marks[f"{DEFS}{own}"]

    def settle(self, root: dict[str, Any], components: dict[str, Any]) -> None:
        """Add the schemas to *components*, each under a name of its own, and write references to them."""
        names: dict[str, str] = {}
        for mark, (name, schema) in self._taken.items():
            free = next(one for one in _candidates(name) if one not in components)
            components[free] = schema
            names[mark] = f"{DEFS}{free}"
        for mark in self._maskable:
            self._taken[mark][1].pop("required", None)
        for schema in (root, *components.values()):
            self._spare(schema)
            _refer(schema, names)

    def _spare(self, schema: dict[str, Any]) -> None:
        """Require no field that is an entity: where it is all masked, the field is gone."""
        properties = schema.get("properties", {})
        kept = [name for name in schema.get("required", ()) if not self._is_maskable(properties.get(name, {}))]
        if "required" in schema:
            schema["required"] = kept

    def _is_maskable(self, schema: Mapping[str, Any]) -> bool:
        return any(one.get("$ref") in self._maskable for one in (schema, *schema.get("anyOf", ())))


def _candidates(name: str) -> Any:
    yield name
    for number in count(2):
        yield f"{name}_{number}"


def _refer(schema: Any, names: Mapping[str, str]) -> None:
    """Change references in a schema, in place."""
    if isinstance(schema, list):
        for item in schema:
            _refer(item, names)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                schema[key] = names.get(value, value)
            elif key == "mapping" and isinstance(value, dict):
                schema[key] = {name: names.get(target, target) for name, target in value.items()}
            else:
                _refer(value, names)

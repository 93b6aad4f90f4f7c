"""Takes the schemas that schema plugins give into the document's components, each under a name of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_origin

from nestpy_core import SchemaSupport

from .errors import OpenapiError

REF = "#/components/schemas/{name}"
MASKED = "Fields that the caller may not read are left out."
_MARK = "#/foreign/"
_DEFS = "#/$defs/"
_UNFIT = re.compile(r"[^a-zA-Z0-9.\-_]")


class ForeignSchemas:
    """Collects the schemas of foreign types while msgspec describes the others, and names them once those are named.

    Until then references to them are marked; `settle` writes the real ones.

    Args:
        schema_of: asks the schema plugins for a type.
        masked: whether an actor may be shown a part of an entity's fields.
    """

    def __init__(self, schema_of: Callable[[type], SchemaSupport | None], *, masked: bool = False) -> None:
        self._schema_of = schema_of
        self._masked = masked
        self._found: dict[type, int] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._names: list[tuple[str, str]] = []
        self._schemas: list[dict[str, Any]] = []

    def __call__(self, cls: type) -> dict[str, Any]:
        """Return a reference to the schema of *cls*; msgspec's ``schema_hook``."""
        if cls not in self._found:
            support = self._schema_of(get_origin(cls) or cls)
            if support is None:
                raise OpenapiError(f"Nothing installed describes `{cls.__qualname__}` as JSON Schema.")
            given = support.json_schema(cls)
            masked = self._masked and hasattr(support, "encode_fields")
            self._found[cls] = self._take(cls, _shown_in_part(given) if masked else given)
        return {"$ref": f"{_MARK}{self._found[cls]}"}

    def _take(self, cls: type, given: Mapping[str, Any]) -> int:
        schema = dict(given)
        definitions: dict[str, Any] = schema.pop("$defs", {})
        whole = schema.get("$ref", "").removeprefix(_DEFS) if len(schema) == 1 else ""
        listed = {name: (name, f"{cls.__module__}.{name}", each) for name, each in definitions.items()}
        if whole not in definitions:
            listed[""] = (cls.__name__, f"{cls.__module__}.{cls.__qualname__}", schema)
        first = len(self._schemas)
        own = {name: self._add(*each) for name, each in listed.items()}
        for added in self._schemas[first:]:
            _rewrite(added, lambda ref: _marked(ref, own))
        return own[whole]

    def _add(self, name: str, full_name: str, given: Mapping[str, Any]) -> int:
        text = json.dumps(given)
        if (name, text) not in self._known:
            self._known[name, text] = len(self._schemas)
            self._names.append((_UNFIT.sub("_", name), _UNFIT.sub("_", full_name)))
            self._schemas.append(json.loads(text))
        return self._known[name, text]

    def settle(self, components: dict[str, Any], schemas: Iterator[dict[str, Any]]) -> None:
        """Add the schemas to *components* and write the real references there and in *schemas*.

        Equal schemas of one name are one component; different ones are told apart by their module.
        """
        names: dict[str, str] = {}
        for index, (name, full_name) in enumerate(self._names):
            schema = self._schemas[index]
            chosen = next(
                (each for each in self._candidates(name, full_name) if components.get(each, schema) == schema), ""
            )
            components[chosen] = schema
            names[f"{_MARK}{index}"] = REF.format(name=chosen)
        for each in (*components.values(), *schemas):
            _rewrite(each, lambda ref: names.get(ref, ref))

    @staticmethod
    def _candidates(name: str, full_name: str) -> Iterator[str]:
        yield name
        yield full_name
        number = 2
        while True:
            yield f"{full_name}_{number}"
            number += 1


def _shown_in_part(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an entity, and of those that it refers to, of which no field is promised."""
    schema = {name: value for name, value in given.items() if name != "required"}
    if "properties" in schema:
        schema["description"] = f"{schema['description']}\n\n{MASKED}" if schema.get("description") else MASKED
    if "$defs" in schema:
        schema["$defs"] = {name: _shown_in_part(each) for name, each in schema["$defs"].items()}
    return schema


def _marked(ref: str, own: Mapping[str, int]) -> str:
    name = ref.removeprefix(_DEFS)
    return f"{_MARK}{own[name]}" if name in own else ref


def _rewrite(schema: Any, change: Callable[[str], str]) -> None:
    """Change every reference in a schema, in place; those of a discriminator's mapping too."""
    if isinstance(schema, list):
        for item in schema:
            _rewrite(item, change)
        return
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            schema[key] = change(value)
        elif key == "mapping" and isinstance(value, dict):
            schema[key] = {
                name: change(target) if isinstance(target, str) else target for name, target in value.items()
            }
        else:
            _rewrite(value, change)

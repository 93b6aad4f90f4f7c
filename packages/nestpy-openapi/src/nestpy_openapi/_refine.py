"""Says in schemas what msgspec checks and does not write down: 64 bits, times, decimals, fields always sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect as msgspec_inspect

from ._foreign import REF

DECIMAL = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_LISTS = (
    msgspec_inspect.ListType,
    msgspec_inspect.SetType,
    msgspec_inspect.FrozenSetType,
    msgspec_inspect.VarTupleType,
)


class Refinement:
    """Walks types and their schemas side by side.

    Args:
        components: the schemas of named types.
        requested: the names of those that requests carry; of the others every field that has a value is sent.
    """

    def __init__(self, components: dict[str, Any], requested: set[str]) -> None:
        self._components = components
        self._requested = requested
        self._seen: set[str] = set()

    def refine(self, schema: Any, info: Any) -> None:
        """Change the schema of a type in place, and those that it refers to."""
        while isinstance(info, msgspec_inspect.Metadata):
            info = info.type
        if not isinstance(schema, dict):
            return
        if "$ref" in schema:
            self._component(schema["$ref"].removeprefix(REF.format(name="")), info)
        elif isinstance(info, msgspec_inspect.UnionType):
            for part, inner in zip(_options(schema), _alternatives(info), strict=False):
                self.refine(part, inner)
        elif isinstance(info, _LISTS):
            self.refine(schema.get("items"), info.item_type)
        elif isinstance(info, msgspec_inspect.TupleType):
            for part, inner in zip(schema.get("prefixItems", ()), info.item_types, strict=False):
                self.refine(part, inner)
        elif isinstance(info, msgspec_inspect.DictType):
            self.refine(schema.get("additionalProperties"), info.value_type)
        else:
            _scalar(schema, info)

    def _component(self, name: str, info: Any) -> None:
        schema = self._components.get(name)
        fields = getattr(info, "fields", None)
        if name in self._seen or schema is None or fields is None:
            return
        self._seen.add(name)
        positions = schema.get("prefixItems")
        for index, field in enumerate(fields):
            found = schema["properties"][field.encode_name] if positions is None else positions[index]
            self.refine(found, field.type)
        if positions is None and name not in self._requested:
            schema["required"] = list(_always_sent(schema, info))


def _always_sent(schema: Any, info: Any) -> Iterator[str]:
    """Yield the fields that every answer holds: those with a default too, unless it is left out."""
    omits = bool(getattr(getattr(info.cls, "__struct_config__", None), "omit_defaults", False))
    fields = {field.encode_name: field for field in info.fields}
    for name in schema["properties"]:
        field = fields.get(name)
        if field is None or field.required or (not omits and _has_default(field)):
            yield name


def _has_default(field: Any) -> bool:
    nothing = msgspec.NODEFAULT
    defaults = (field.default, field.default_factory)
    return any(each is not nothing and each is not msgspec.UNSET for each in defaults)


def _scalar(schema: dict[str, Any], info: Any) -> None:
    if isinstance(info, msgspec_inspect.IntType):
        if (info.ge is None and info.gt is None) or (info.le is None and info.lt is None):
            schema.setdefault("format", "int64")
    elif isinstance(info, msgspec_inspect.DateTimeType):
        schema.setdefault("format", "date-time")
    elif isinstance(info, msgspec_inspect.TimeType):
        schema.setdefault("format", "time")
    elif isinstance(info, msgspec_inspect.DecimalType):
        schema.setdefault("pattern", DECIMAL)
    elif isinstance(info, msgspec_inspect.BytesType):
        schema.setdefault("format", "byte")


def _options(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the schemas of a union's members, in the order of `_alternatives`."""
    for part in schema.get("anyOf", ()):
        if "anyOf" in part:
            yield from _options(part)
        else:
            yield part


def _alternatives(info: Any) -> list[Any]:
    """Return the members of a union as msgspec lays them out: others, then Structs, then None."""

    def rank(inner: Any) -> int:
        while isinstance(inner, msgspec_inspect.Metadata):
            inner = inner.type
        if isinstance(inner, msgspec_inspect.NoneType):
            return 2
        return int(isinstance(inner, msgspec_inspect.StructType) and not inner.array_like)

    return sorted(info.types, key=rank)

"""Describes every type of a document by one call, so that no two of them share a name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import SchemaSupport

from ._foreign import REF, ForeignSchemas
from ._refine import Refinement
from .errors import OpenapiError

Schema = dict[str, Any]
Finish = Callable[[Schema, dict[str, Any]], Schema]


@dataclasses.dataclass(slots=True)
class _Asked:
    kind: Any  # any annotation
    place: Schema
    request: bool
    open: bool
    finish: Finish | None


class Schemas:
    """Hands out places for schemas and fills all of them at once.

    Args:
        schema_of: asks the schema plugins for a foreign type.
        masked: whether an actor may be shown a part of an entity's fields.
    """

    def __init__(self, schema_of: Callable[[type], SchemaSupport | None], *, masked: bool = False) -> None:
        self._schema_of = schema_of
        self._masked = masked
        self._asked: list[_Asked] = []

    def of(
        self, kind: Any, *, request: bool = False, allow_unknown: bool = False, finish: Finish | None = None
    ) -> Schema:
        """Return the place where `fill` puts the schema of a type.

        Args:
            kind: any annotation.
            request: whether it is read from requests.
            allow_unknown: whether requests may carry fields that it does not have.
            finish: is given the schema and all components, and returns what stands in the place.
        """
        place: Schema = {}
        self._asked.append(_Asked(kind, place, request, allow_unknown or not request, finish))
        return place

    def fill(self) -> dict[str, Any]:
        """Fill every place and return the components by name, sorted.

        Raises:
            OpenapiError: a type cannot be described, or two types cannot be told apart.
        """
        foreign = ForeignSchemas(self._schema_of, masked=self._masked)
        kinds = [each.kind for each in self._asked]
        try:
            found, components = msgspec.json.schema_components(kinds, schema_hook=foreign, ref_template=REF)
        except KeyError as error:
            raise OpenapiError(
                f"Two types would both be called `{error.args[0]}` in the document.\nHint: rename one of them"
            ) from error
        except TypeError as error:
            raise OpenapiError(f"A type cannot be described as JSON Schema: {error}") from error
        requests = [schema for schema, each in zip(found, self._asked, strict=True) if each.request]
        closed = [schema for schema, each in zip(found, self._asked, strict=True) if not each.open]
        sent, shut = set(reached(requests, components)), set(reached(closed, components))
        own = set(components)
        refinement = Refinement(components, sent)
        for info, schema in zip(msgspec_inspect.multi_type_info(kinds), found, strict=True):
            refinement.refine(schema, info)
        for name in own & shut:
            _close(components[name])
        foreign.settle(components, iter(found))
        for schema, each in zip(found, self._asked, strict=True):
            each.place.update(schema if each.finish is None else each.finish(schema, components))
        return dict(sorted(components.items()))


def _close(schema: Schema) -> None:
    """Say that an object has no other fields, as the app refuses them in requests."""
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)


def reached(schemas: Any, components: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the components that schemas refer to, and those refer to, each once."""
    seen: set[str] = set()
    waiting: list[Any] = [schemas]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name = str(value.get("$ref", "")).removeprefix(REF.format(name=""))
            if name in components and name not in seen:
                seen.add(name)
                yield name
                waiting.append(components[name])

"""JSON Schemas of parameters and results, and the decoding of arguments, by msgspec."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

import msgspec

from nestpy_core import ForeignTypes, FromContext, Graph, Handler, Parameter, ViolationsError, failures_of

from ._foreign import DEFS, ForeignSchemas

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ARGUMENT = re.compile(r"^\s{4,}(\w+): (.+)$")


def plain(hint: Any) -> Any:  # any annotation
    """Return an annotation without its metadata."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def from_context_of(parameter: Parameter) -> FromContext | None:
    """Return what `from_context` left in the annotation."""
    metadata = get_args(parameter.hint)[1:] if get_origin(parameter.hint) is Annotated else ()
    return next((item for item in metadata if isinstance(item, FromContext)), None)


def json_schema(kind: Any, foreign: ForeignSchemas | None = None) -> dict[str, Any]:  # any annotation
    """Return the JSON Schema (draft 2020-12) of a type, its own fields at the root.

    Raises:
        TypeError: neither msgspec nor a schema plugin knows the type.
    """
    (root,), components = msgspec.json.schema_components((kind,), schema_hook=foreign, ref_template=f"{DEFS}{{name}}")
    if foreign is not None:
        foreign.settle(root, components)
    for one in components.values():
        if "description" in one:  # a docstring, whose sections say nothing to a client
            one["description"] = docstring_of(one["description"])[0]
    name = root.get("$ref", "").removeprefix(DEFS)
    if name in components and root.keys() == {"$ref"}:
        recursive = f'"{DEFS}{name}"' in msgspec.json.encode(list(components.values())).decode()
        root = dict(components[name]) if recursive else dict(components.pop(name))
    return {**root, "$defs": components} if components else root


class Schemas:
    """The types of one app: foreign libraries' included, as their schema plugins serve them."""

    def __init__(self, graph: Graph) -> None:
        self.types = ForeignTypes(graph)
        self.encode = msgspec.json.Encoder(enc_hook=self.types.encode).encode

    def json_schema(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type.

        Raises:
            TypeError: neither msgspec nor a plugin knows it.
        """
        return json_schema(kind, ForeignSchemas(self.types.support))

    def describes(self, kind: Any) -> bool:
        """Say whether a type has a schema."""
        try:
            self.json_schema(kind)
        except (TypeError, NameError, ValueError):
            return False
        return True

    def builtins(self, value: Any) -> Any:
        """Return JSON-like data for any value."""
        return msgspec.to_builtins(value, enc_hook=self.types.encode)

    def arguments(self, handler: Handler, parameters: list[Parameter], texts: Mapping[str, str]) -> Arguments:
        """Return what decodes the parameters of a handler."""
        fields: list[Any] = []
        for one in parameters:
            hint = one.hint
            if one.name in texts and not _described(hint):
                hint = Annotated[hint, msgspec.Meta(description=texts[one.name])]
            fields.append((one.name, hint) if one.required else (one.name, hint, _default(one.default)))
        struct = msgspec.defstruct(f"{handler.name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)
        return Arguments(struct, self)


class Arguments:
    """Decodes the arguments of one tool or prompt."""

    def __init__(self, struct: type[msgspec.Struct], schemas: Schemas) -> None:
        self.struct = struct
        self._schemas = schemas

    def schema(self) -> dict[str, Any]:
        """Return the schema, closed: what it does not name is refused."""
        found = self._schemas.json_schema(self.struct)
        found.pop("title", None)
        found["additionalProperties"] = False
        return {"$schema": DIALECT, **found}

    def decode(self, value: Any, *, texts: bool = False) -> Any:  # JSON-like data; an instance of the struct
        """Return the decoded arguments.

        Args:
            value: what came.
            texts: whether every value came as text, as those of prompts do.

        Raises:
            ViolationsError: they do not fit; it names every field that is wrong.
        """
        given = {} if value is None else value
        try:
            return msgspec.convert(given, self.struct, strict=not texts, dec_hook=self._schemas.types.decode)
        except (ValueError, RecursionError) as error:
            found = failures_of(self.struct, given, error, self._schemas.types.decode, refuse_unknown=True)
            raise ViolationsError(found) from None


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=lambda: type(value)(value))
    return value


def _described(hint: Any) -> bool:
    metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return any(isinstance(item, msgspec.Meta) and item.description for item in metadata)


def docstring_of(text: str) -> tuple[str, dict[str, str]]:
    """Return a docstring's text before its sections, and what ``Args:`` says of each parameter."""
    text = inspect.cleandoc(text)
    summary = re.split(
        r"\n\s*(?:Args|Returns|Raises|Attributes|Yields|Example|Examples):\s*\n", f"\n{text}\n", maxsplit=1
    )
    found: dict[str, str] = {}
    inside = ""
    for line in text.splitlines():
        if line.strip() and not line.startswith(" "):
            inside = line.strip()
        elif inside == "Args:" and (matched := _ARGUMENT.match(line)):
            found[matched[1]] = matched[2].strip()
    return " ".join(summary[0].split()), found

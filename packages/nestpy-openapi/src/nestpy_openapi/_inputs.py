"""Describes what a request of a route carries: parameters and body."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import DefaultValue, ParseArray, ParseBool, ParseDate, ParseEnum, ParseFloat, ParseInt, ParseUUID
from nestpy_http import RouteInput, ServedRoute

from ._docstring import Docstring
from ._schemas import Finish, Schema, Schemas

PARAMETERS = ("path", "query", "header", "cookie")
UNSAID = frozenset({"accept", "authorization", "content-type"})
"""Headers that OpenAPI describes elsewhere; a parameter of that name is ignored (3.1, section 4.8.12)."""

ITEM: Schema = {"contentMediaType": "application/octet-stream"}
BINARY: Schema = {"type": "string", **ITEM}
"""Bytes as they are; one file of several has no type (OpenAPI 3.1.1, section 4.8.14.4), a single one is no list."""
SEGMENT = r"^[^/\\;\x00-\x1f\x7f]+$"
REST = r"^[^\\;\x00-\x1f\x7f]+$"
UUID_OF_VERSION = "^[0-9A-Fa-f]{{8}}-[0-9A-Fa-f]{{4}}-{}[0-9A-Fa-f]{{3}}-[89ABab][0-9A-Fa-f]{{3}}-[0-9A-Fa-f]{{12}}$"
_PARSED: dict[type, Any] = {ParseInt: int, ParseFloat: float, ParseBool: bool, ParseUUID: UUID}
_TEXTS = (
    msgspec_inspect.BoolType,
    msgspec_inspect.BytesType,
    msgspec_inspect.DateTimeType,
    msgspec_inspect.DateType,
    msgspec_inspect.DecimalType,
    msgspec_inspect.EnumType,
    msgspec_inspect.FloatType,
    msgspec_inspect.IntType,
    msgspec_inspect.ListType,
    msgspec_inspect.LiteralType,
    msgspec_inspect.SetType,
    msgspec_inspect.StrType,
    msgspec_inspect.TimeDeltaType,
    msgspec_inspect.TimeType,
    msgspec_inspect.UUIDType,
)


def parameters_of(
    route: ServedRoute, schemas: Schemas, docstring: Docstring, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the parameters of a route, those of the path first, in the order of the path.

    Args:
        route: whose they are.
        schemas: where their types are described.
        docstring: what says more about them.
        names: how the document calls those of the path, in order.
    """
    given = {each.name: each for each in route.inputs if each.where == "path"}
    found = [
        _path_parameter(route, index, given.get(name), written, schemas, docstring)
        for index, (name, written) in enumerate(zip(route.names, names, strict=True))
    ]
    others = [each for each in route.inputs if each.where in PARAMETERS[1:] and each.name not in UNSAID]
    return [*found, *(_parameter(each, schemas, docstring) for each in others)]


def _path_parameter(  # noqa: PLR0917  # what a segment is
    route: ServedRoute, index: int, given: RouteInput | None, name: str, schemas: Schemas, docstring: Docstring
) -> dict[str, Any]:
    rest = route.path.endswith("...}") and index == len(route.names) - 1
    described = {"name": name, "in": "path", "required": True}
    text = _described(given, docstring)
    if text:
        described["description"] = text
    elif rest:
        described["description"] = "The rest of the path, slashes included."
    kind = str if given is None else kind_of_text(given)
    return {**described, "schema": schemas.of(kind, finish=_segment(REST if rest else SEGMENT))}


def _segment(pattern: str) -> Finish:
    """Say of a text what no segment may hold."""

    def finish(schema: Schema, components: dict[str, Any]) -> Schema:
        del components
        if schema.get("type") != "string" or schema.keys() & {"enum", "format", "pattern", "const"}:
            return schema
        return {**schema, "pattern": pattern}

    return finish


def _parameter(given: RouteInput, schemas: Schemas, docstring: Docstring) -> dict[str, Any]:
    described: dict[str, Any] = {"name": given.name, "in": given.where}
    text = _described(given, docstring)
    if text:
        described["description"] = text
    default = default_of(given)
    if given.required and default is inspect.Parameter.empty:
        described["required"] = True
    if any(isinstance(pipe, ParseArray) for pipe in given.pipes):
        described |= {"style": "form", "explode": False} if given.where == "query" else {}
    return {**described, "schema": schemas.of(kind_of_text(given), finish=_with_default(default))}


def _described(given: RouteInput | None, docstring: Docstring) -> str:
    if given is None:
        return ""
    several = given.whole and given.where == "query"  # the docstring speaks of all the fields together
    return ("" if several else docstring.arguments.get(given.parameter.name, "")) or _said(given.kind)


def _said(kind: Any) -> str:
    """Return what `msgspec.Meta` says of a type: pages show it beside a parameter, and its schema only unfolded."""
    kind = without_none(kind)
    metadata = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((each.description for each in metadata if isinstance(each, msgspec.Meta) and each.description), "")


def _with_default(default: Any) -> Finish:
    def finish(schema: Schema, components: dict[str, Any]) -> Schema:
        del components
        if default in (inspect.Parameter.empty, None, msgspec.UNSET):
            return schema
        with contextlib.suppress(TypeError, NotImplementedError):
            return {**schema, "default": msgspec.to_builtins(default)}
        return schema

    return finish


def default_of(given: RouteInput) -> Any:
    """Return what an absent input becomes: what its own `DefaultValue` says, else what its parameter does."""
    for index, pipe in enumerate(given.pipes):
        if isinstance(pipe, DefaultValue):
            return _after(pipe.value, given.pipes[index + 1 :], given)
    return given.default


def _after(value: Any, pipes: Sequence[Any], given: RouteInput) -> Any:
    """Return what core's own parsing pipes make of a default that is written as a text."""
    for pipe in pipes:
        if isinstance(value, str) and _parsed_by(pipe) is not None and not isinstance(pipe, type):
            with contextlib.suppress(ValueError):
                value = pipe.transform(value, given.parameter)
    return value


def kind_of_text(given: RouteInput) -> Any:
    """Return what a parameter's text must be: its type without None, or what its first parsing pipe reads."""
    for pipe in given.pipes:
        kind = _parsed_by(pipe)
        if kind is not None:
            return kind
    kind = without_none(given.kind)
    return str if given.pipes and not _is_text(kind) else kind


def _parsed_by(pipe: Any) -> Any:
    """Return what one of core's pipes makes of a text; None of any other pipe."""
    if isinstance(pipe, ParseEnum | ParseDate):
        return pipe.kind
    if isinstance(pipe, ParseUUID) and pipe.version is not None:
        return Annotated[UUID, msgspec.Meta(extra_json_schema={"pattern": UUID_OF_VERSION.format(pipe.version)})]
    if isinstance(pipe, ParseArray):
        return list.__class_getitem__(_parsed_by(pipe.items) or (pipe.items if _is_text(pipe.items) else str))
    return _PARSED.get(pipe if isinstance(pipe, type) else type(pipe))


def _is_text(kind: Any) -> bool:
    try:
        info = msgspec_inspect.type_info(kind)
    except TypeError:
        return False
    while isinstance(info, msgspec_inspect.Metadata):
        info = info.type
    return isinstance(info, _TEXTS)


def without_none(kind: Any) -> Any:
    """Return a type without None, which no text of a request can say; its constraints stay."""
    if get_origin(kind) is Annotated:
        inner, *metadata = get_args(kind)
        return Annotated[(without_none(inner), *metadata)]
    arguments = get_args(kind)
    if NoneType not in arguments or get_origin(kind) is Literal:
        return kind
    kept = tuple(each for each in arguments if each is not NoneType)
    return Union[kept] if kept else kind  # noqa: UP007  # built at run time


def body_of(route: ServedRoute, schemas: Schemas, docstring: Docstring) -> dict[str, Any] | None:
    """Return the request body of a route, None where it takes none."""
    carried = [each for each in route.inputs if each.where not in PARAMETERS]
    if not carried:
        return None
    body = carried[0]
    if body.where == "body":
        schema = dict(BINARY) if body.kind is bytes else _decoded(body, schemas)
    else:
        schema = _form(carried, schemas, docstring)
    required = any(each.required and each.kind is not bytes for each in carried)  # no bytes are bytes too
    content = {media_type: {"schema": schema} for media_type in sorted(route.consumes)}
    described = {"description": text} if (text := _described(body, docstring)) and len(carried) == 1 else {}
    return {**described, "content": content, "required": required}


def _decoded(body: RouteInput, schemas: Schemas) -> Schema:
    return schemas.of(body.kind, request=True, allow_unknown=body.allow_unknown)


def _form(carried: Sequence[RouteInput], schemas: Schemas, docstring: Docstring) -> Schema:
    """Return the schema of a form: that of its type, or one of its fields and files."""
    whole = next((each for each in carried if each.whole), None)
    fields = [each for each in carried if not each.whole]
    if whole is not None and not fields:
        return schemas.of(without_none(whole.kind), request=True, allow_unknown=whole.allow_unknown)
    properties = {each.name: _field(each, schemas, docstring) for each in fields}
    required = [each.name for each in fields if each.required]
    own: Schema = {"type": "object", "properties": properties, "required": required}
    if whole is None:
        return own

    def finish(schema: Schema, components: dict[str, Any]) -> Schema:
        found = components.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        merged = {**found, "properties": {**found.get("properties", {}), **properties}}
        return {**merged, "required": [*found.get("required", ()), *required]}

    return schemas.of(without_none(whole.kind), request=True, allow_unknown=whole.allow_unknown, finish=finish)


def _field(given: RouteInput, schemas: Schemas, docstring: Docstring) -> Schema:
    text = _described(given, docstring)
    described: Schema = {"description": text} if text else {}
    if given.where == "file":
        files: Schema = {"type": "array", "items": dict(ITEM)} if given.several else dict(BINARY)
        least: Schema = {"minItems": 1} if given.several and given.required else {}
        return {**files, **least, **described}

    def finish(schema: Schema, components: dict[str, Any]) -> Schema:
        return {**_with_default(default_of(given))(schema, components), **described}

    return schemas.of(kind_of_text(given), finish=finish)


def enumerated(values: Sequence[str]) -> Schema:
    """Return the schema of one of several texts."""
    return {"type": "string", "enum": list(values)}

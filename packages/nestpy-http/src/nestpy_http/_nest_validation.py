"""Says what is wrong with an input in the words of NestJS's pipes and of the validators its bodies are written with."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from msgspec import inspect

from nestpy_core import ParseArray, ParseBool, ParseDate, ParseEnum, ParseFloat, ParseInt, ParseUUID

from ._schema import is_collection, optional_inner

Failure = Mapping[str, str]
Failures = Mapping[str, Sequence[Failure]]

NUMERIC = "Validation failed (numeric string is expected)"
BOOLEAN = "Validation failed (boolean string is expected)"
UUID = "Validation failed (uuid is expected)"
ENUM = "Validation failed (enum string is expected)"
DATE = "Validation failed (invalid date format)"
NO_DATE = "Validation failed (no Date provided)"
ARRAY = "Validation failed (parsable array expected)"
_PIPES: tuple[tuple[type, str], ...] = (
    (ParseInt, NUMERIC),
    (ParseFloat, NUMERIC),
    (ParseBool, BOOLEAN),
    (ParseEnum, ENUM),
    (ParseDate, DATE),
)
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, BOOLEAN),
    (int, NUMERIC),
    (float, NUMERIC),
    (uuid.UUID, UUID),
    (enum.Enum, ENUM),
    (dt.date, DATE),
)
_ITEMS: tuple[tuple[type, str], ...] = (
    (bool, "item must be a boolean value"),
    (int, "item must be a number"),
    (float, "item must be a number"),
    (str, "item must be a string"),
)


# -- pipes and single arguments


def pipe_message(pipe: object, failures: Failures, kinds: Mapping[str, Any]) -> str | list[str]:
    """Return what NestJS's pipe of that name says.

    Args:
        pipe: what refused.
        failures: what it said, by position or field.
        kinds: the declared type of the argument, by its name; a body is called ``""``.
    """
    if isinstance(pipe, ParseArray):
        position = next(iter(failures)).partition(".")[0]
        return _item_message(pipe.items, position)
    if isinstance(pipe, ParseUUID):
        return UUID if pipe.version is None else f"Validation failed (uuid v {pipe.version} is expected)"
    for parser, text in _PIPES:
        if isinstance(pipe, parser):
            return text
    name, declared = next(iter(kinds.items()), ("", None))
    kind = getattr(pipe, "kind", None) or declared
    if name and "" in failures:
        return [text for failure in failures[""] for text in _described(name, kind, failure)]
    return body_messages(kind, failures)


def argument_message(name: str, position: str, kind: Any, failure: Failure) -> str | list[str]:
    """Return what a pipe for the declared type of an argument says of its first failure."""
    plain = _plain(kind)
    if is_collection(kind):
        if position:
            return _item_message(next(iter(get_args(plain)), str), position)
        return ARRAY if failure["code"] in ("required", "type") else _described(name, kind, failure)
    if failure["code"] in ("required", "type", "enum", "repeated", "invalid"):
        if failure["code"] == "required" and isinstance(plain, type) and issubclass(plain, dt.date):
            return NO_DATE
        text = _text_of(plain, _KINDS)
        if text is not None:
            return text
    return _described(name, kind, failure)


def _item_message(items: Any, position: str) -> str:
    text = _text_of(items, _ITEMS) or _text_of(items, _KINDS)
    if text is None:
        text = next((text for kind, text in _PIPES if isinstance(items, kind)), UUID)
    return f"[{position}] {text}"


def _text_of(kind: Any, table: Sequence[tuple[type, str]]) -> str | None:
    if not isinstance(kind, type):
        return None
    return next((text for parent, text in table if issubclass(kind, parent)), None)


def _plain(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    inner, optional = optional_inner(kind)
    return _plain(inner) if optional else kind


def _described(name: str, kind: Any, failure: Failure) -> list[str]:
    return list(_sentences(name, _info(kind), failure))


# -- bodies


def body_messages(kind: Any, failures: Failures) -> list[str]:
    """Return one sentence for each validator that a body's fields fail, those of unknown fields first.

    Args:
        kind: the type of the body; None where it is not known.
        failures: what is wrong, by path.
    """
    root = None if kind is None else _info(kind)
    unknown: list[str] = []
    messages: list[str] = []
    for path, listed in failures.items():
        parent, _, name = path.rpartition(".")
        for failure in listed:
            if failure["code"] == "unknown_field":
                unknown.append(_prefix(parent, f"property {name} should not exist"))
                continue
            found = _at(root, path)
            messages += [text for text in _sentences(_where(path, found), found, failure) if text not in messages]
    return unknown + messages


def _where(path: str, info: Any) -> str:
    """Return how validators call what stands at *path*: plain items by their list."""
    parent, _, name = path.rpartition(".")
    if not (parent and name.isdecimal()) or isinstance(_bare(info), inspect.StructType):
        return path
    above, _, listed = parent.rpartition(".")
    return _prefix(above, f"each value in {listed}")


def _prefix(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _info(kind: Any) -> inspect.Type | None:
    try:
        return inspect.type_info(kind)
    except TypeError:
        return None


def _at(info: Any, path: str) -> Any:
    """Return msgspec's description of what stands at *path* in a type, or None."""
    for name in path.split(".") if path else ():
        info = _bare(info)
        fields = getattr(info, "fields", None)
        if fields is not None:
            info = next((field.type for field in fields if field.encode_name == name), None)
        else:
            info = getattr(info, "item_type", None) or getattr(info, "value_type", None)
    return info


def _bare(info: Any) -> Any:
    """Return a description without metadata and without ``None``."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.UnionType):
        some = [item for item in info.types if not isinstance(item, inspect.NoneType)]
        return _bare(some[0]) if len(some) == 1 else info
    return info


def _sentences(where: str, described: Any, failure: Failure) -> Iterator[str]:
    info = _bare(described)
    validators = [] if info is None else [*_validators(described, info)]
    wanted = failure["code"]
    if wanted in ("required", "type", "invalid") or (wanted == "pattern" and _format_of(described) is not None):
        found = [text for _, text in validators]
    else:
        found = [text for code, text, fails in _limits(info) if code == wanted and fails in failure["message"]]
        found = found or [text for code, text in validators if code == wanted]
    if isinstance(info, inspect.StructType) and wanted in ("required", "type"):
        parent, _, name = where.rpartition(".")
        yield _prefix(parent, f"nested property {name} must be either object or array")
    elif found:
        yield from (f"{where} {text}" for text in found)
    elif wanted == "required":
        yield f"{where} should not be null or undefined"
    else:
        yield f"{where} {failure['message']}" if where else failure["message"]


def _validators(described: Any, info: Any) -> Iterator[tuple[str, str]]:
    """Yield code and text of every validator that a wrong type fails, the one of the type first."""
    special = _format_of(described)
    if special is not None:
        yield "pattern", special
        return
    if isinstance(info, inspect.EnumType | inspect.LiteralType):
        values = info.values if isinstance(info, inspect.LiteralType) else [member.value for member in info.cls]
        yield "enum", f"must be one of the following values: {', '.join(map(str, values))}"
    else:
        text = _TYPES.get(type(info))
        if text is not None:
            yield "type", text
    yield from ((code, text) for code, text, _ in _limits(info))


_TYPES: dict[type, str] = {
    inspect.StrType: "must be a string",
    inspect.IntType: "must be an integer number",
    inspect.FloatType: "must be a number conforming to the specified constraints",
    inspect.BoolType: "must be a boolean value",
    inspect.UUIDType: "must be a UUID",
    inspect.DateTimeType: "must be a valid ISO 8601 date string",
    inspect.DateType: "must be a valid ISO 8601 date string",
    inspect.ListType: "must be an array",
    inspect.SetType: "must be an array",
    inspect.VarTupleType: "must be an array",
    inspect.DictType: "must be an object",
}
_FORMATS = {"email": "must be an email", "uri": "must be a URL address", "uuid": "must be a UUID"}


def _format_of(described: Any) -> str | None:
    """Return the sentence of a ``format`` that a type's JSON Schema names."""
    while isinstance(described, inspect.Metadata):
        found = _FORMATS.get((described.extra_json_schema or {}).get("format", ""))
        if found is not None:
            return found
        described = described.type
    return None


def _limits(info: Any) -> Iterator[tuple[str, str, str]]:
    """Yield code and text of each constraint, and what msgspec's message of it contains."""
    whole = isinstance(info, inspect.IntType)
    for name, code, text, sign in (
        ("ge", "range", "must not be less than {}", " >= "),
        ("gt", "range", "must be greater than {}", " > "),
        ("le", "range", "must not be greater than {}", " <= "),
        ("lt", "range", "must be less than {}", " < "),
        ("multiple_of", "multiple_of", "must be divisible by {}", ""),
        ("pattern", "pattern", "must match /{}/ regular expression", ""),
    ):
        limit = getattr(info, name, None)
        if limit is None:
            continue
        if whole and name == "gt":
            yield code, "must be a positive number" if limit == 0 else f"must not be less than {limit + 1}", " >= "
        elif whole and name == "lt":
            yield code, "must be a negative number" if limit == 0 else f"must not be greater than {limit - 1}", " <= "
        else:
            yield code, text.format(limit), sign
    several = not isinstance(info, inspect.StrType)
    least, most = getattr(info, "min_length", None), getattr(info, "max_length", None)
    if least is not None:
        words = "must contain at least {} elements" if several else "must be longer than or equal to {} characters"
        yield "length", words.format(least), " >= "
    if most is not None:
        words = "must contain no more than {} elements" if several else "must be shorter than or equal to {} characters"
        yield "length", words.format(most), " <= "

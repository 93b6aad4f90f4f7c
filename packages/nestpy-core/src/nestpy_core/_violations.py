"""Says everything that is wrong with a value, field by field, once its decoder has refused it."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import inspect as msgspec_inspect

from .contracts import ViolationsError

__all__ = ("Failure", "Failures", "ForeignDecoder", "failure_of", "failures_of", "text_failures_of")

Failure = dict[str, str]
"""One thing that is wrong with a value: a ``code`` of `ViolationsError` and a ``message``."""

Failures = dict[str, list[Failure]]
"""For each field what is wrong with it, as `ViolationsError.errors` has it."""

_WHERE = re.compile(r" - at `(?P<path>[^`]*)`$")
_INDEX = re.compile(r"\[(\d+)\]")
_VALUE = re.compile(r"(?<=^Invalid enum value) .*|(?<=^Invalid value) .*", re.DOTALL)
_CODES = (
    ("required field", "required"),
    ("unknown field", "unknown_field"),
    ("length", "length"),
    ("matching regex", "pattern"),
    (" >= ", "range"),
    (" <= ", "range"),
    (" > ", "range"),
    (" < ", "range"),
    ("multiple of", "multiple_of"),
    ("Invalid enum value", "enum"),
    ("out of range", "range"),
)
MAX_FAILURES = 100
MAX_PATH = 500

ForeignDecoder = Callable[[type, Any], Any]
"""Decodes JSON-like data as a type of another library, or raises `ViolationsError`: `SchemaSupport.decode`."""


def failures_of(
    kind: Any,  # any annotation
    value: Any,
    error: Exception,
    foreign: ForeignDecoder,
    *,
    refuse_unknown: bool = False,
) -> Failures:
    """Return what is wrong with *value* for the type *kind*: for each field its failures, without any value.

    Every edge that decodes data calls this after its fast path has failed.

    Args:
        kind: the type it should have had.
        value: JSON-like data.
        error: what the decoder raised, for a failure that the walk does not find.
        foreign: decodes types of other libraries, which name their own failures (`ViolationsError`).
        refuse_unknown: whether unknown fields are failures in types that do not say so themselves.

    Returns:
        At most 100 fields; each failure has a ``code`` and a ``message``.
    """
    failures: Failures = {}
    for path, failure in _Walk(foreign, refuse_unknown=refuse_unknown).walk(
        msgspec_inspect.type_info(kind), kind, value, ""
    ):
        failures.setdefault(path, []).append(failure)
        if len(failures) >= MAX_FAILURES:
            break
    if not failures:
        failures[_path_of(str(error))] = [failure_of(error)]
    return failures


def text_failures_of(error: Exception) -> Failures:
    """Return what is wrong with a text, or with the first bad one of several, which is named by its position."""
    return {_path_of(str(error)): [failure_of(error)]}


def failure_of(error: Exception) -> Failure:
    """Return code and message of what msgspec or a hook raised."""
    message = _VALUE.sub("", _WHERE.sub("", str(error))) or "Invalid value"
    code = next((code for part, code in _CODES if part in message), "type" if "Expected" in message else "invalid")
    return {"code": code, "message": message}


def _path_of(message: str) -> str:
    found = _WHERE.search(message)
    if found is None:
        return ""
    return _INDEX.sub(r".\1", found["path"].removeprefix("$").replace("[...]", "")).lstrip(".")


class _Walk:
    """Goes through a value beside its type and yields the failures of each field."""

    def __init__(self, foreign: ForeignDecoder, *, refuse_unknown: bool) -> None:
        self._foreign = foreign
        self._refuse_unknown = refuse_unknown

    def walk(self, info: Any, kind: Any, value: Any, path: str) -> Iterator[tuple[str, Failure]]:
        info = _bare(info)
        if isinstance(info, msgspec_inspect.UnionType) and value is not None:
            others = [item for item in info.types if not isinstance(item, msgspec_inspect.NoneType)]
            if len(others) == 1:
                info, kind = _bare(others[0]), None
        if isinstance(info, msgspec_inspect.CustomType):
            yield from self._foreign_failures(info.cls, value, path)
            return
        fields = getattr(info, "fields", None)
        if fields is not None and isinstance(value, dict) and not getattr(info, "array_like", False):
            yield from self._walk_fields(info, fields, value, path)
            return
        item = getattr(info, "item_type", None)
        if item is not None and isinstance(value, list):
            for index, element in enumerate(value[:1000]):
                yield from self.walk(item, None, element, f"{path}.{index}" if path else str(index))
        problem = self._check(info, kind, value)
        if problem is not None and (item is None or not isinstance(value, list) or problem["code"] == "length"):
            yield path, problem

    def _walk_fields(self, info: Any, fields: Any, value: dict[str, Any], path: str) -> Iterator[tuple[str, Failure]]:
        prefix = f"{path}." if path else ""
        known = set()
        for field in fields:
            known.add(field.encode_name)
            if field.encode_name in value:
                yield from self.walk(field.type, None, value[field.encode_name], prefix + field.encode_name)
            elif field.required:
                yield prefix + field.encode_name, {"code": "required", "message": "This field is required"}
        if self._refuse_unknown or getattr(info, "forbid_unknown_fields", False):
            tag = {getattr(info, "tag_field", None)}
            for name in [name for name in value if name not in known and name not in tag][:MAX_FAILURES]:
                yield prefix + str(name)[:100], {"code": "unknown_field", "message": "This field is not known"}

    def _foreign_failures(self, cls: type, value: Any, path: str) -> Iterator[tuple[str, Failure]]:
        try:
            self._foreign(cls, value)
        except ViolationsError as error:
            for inner, found in error.errors.items():
                where = f"{path}.{inner}" if path and inner else path or inner
                yield from ((where[:MAX_PATH], dict(failure)) for failure in found)
        except (ValueError, RecursionError):
            yield path, {"code": "invalid", "message": "Invalid value"}

    def _check(self, info: Any, kind: Any, value: Any) -> Failure | None:
        target = kind if kind is not None else _annotation(info)
        if target is None:
            return None
        try:
            # Keys of JSON are texts, those of MessagePack may be numbers: this takes both.
            msgspec.convert(value, target, dec_hook=self._foreign, str_keys=True)
        except (ValueError, TypeError, RecursionError) as error:
            return failure_of(error) if isinstance(error, ValueError) else {"code": "type", "message": "Invalid value"}
        return None


_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")
_PLAIN: dict[type, Any] = {
    msgspec_inspect.AnyType: Any,
    msgspec_inspect.DateTimeType: dt.datetime,
    msgspec_inspect.DateType: dt.date,
    msgspec_inspect.TimeType: dt.time,
    msgspec_inspect.TimeDeltaType: dt.timedelta,
    msgspec_inspect.UUIDType: uuid.UUID,
    msgspec_inspect.DecimalType: decimal.Decimal,
    msgspec_inspect.IntType: int,
    msgspec_inspect.FloatType: float,
    msgspec_inspect.StrType: str,
    msgspec_inspect.BoolType: bool,
    msgspec_inspect.BytesType: bytes,
    msgspec_inspect.NoneType: None,
}


def _bare(info: Any) -> Any:
    """Return what is under a title, a description or other notes for a schema."""
    while isinstance(info, msgspec_inspect.Metadata):
        info = info.type
    return info


def _annotation(info: Any) -> Any:
    """Return an annotation that msgspec reads as *info*, or None where no single one is known."""
    info = _bare(info)
    name = type(info).__name__
    if name == "UnionType":
        inner = [_annotation(item) for item in info.types]
        return Union[tuple(type(None) if item is None else item for item in inner)]  # noqa: UP007  # built at run time
    if name == "LiteralType":
        return Literal[tuple(info.values)]
    if name in ("ListType", "SetType", "FrozenSetType", "VarTupleType"):
        base: Any = {"ListType": list, "SetType": set, "FrozenSetType": frozenset, "VarTupleType": tuple}[name]
    else:
        base = _PLAIN.get(type(info), getattr(info, "cls", None))
    given = {key: value for key in _CONSTRAINTS if (value := getattr(info, key, None)) is not None}
    return Annotated[base, msgspec.Meta(**given)] if given and base is not None else base

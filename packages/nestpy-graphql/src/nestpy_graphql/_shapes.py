"""Reads the fields of data classes: Structs, dataclasses, TypedDicts, attrs classes, and entities of storage."""

from __future__ import annotations

import dataclasses
import typing
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from nestpy_core import Record

from ._naming import camel, described_names

_QUALIFIERS = (Required, NotRequired, getattr(typing, "ReadOnly", Required))  # the last from Python 3.13

MISSING: Any = dataclasses.MISSING
"""Stands where a field has no default."""


class ShapeField(Record, frozen=True):
    """One field of a data class.

    Attributes:
        name: its attribute or key in Python.
        wire: what clients call it.
        key: what decoders of data call it.
        hint: the resolved annotation.
        default: `MISSING` where there is none, or none that is known before an instance is made.
        required: whether input must hold it.
        description: what the class's docstring or its annotation says of it.
    """

    name: str
    wire: str
    key: str
    hint: Any  # any annotation
    default: Any  # any value
    required: bool
    description: str = ""


def without_metadata(hint: Any) -> Any:  # any annotation
    """Return an annotation without its metadata."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def metadata_of(hint: Any) -> tuple[Any, ...]:  # any annotation
    """Return what stands in an annotation's `Annotated`."""
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def described(hint: Any) -> str:  # any annotation
    """Return what ``msgspec.Meta(description=…)`` in an annotation says."""
    found = (item.description for item in metadata_of(hint) if isinstance(item, msgspec.Meta))
    return next((text for text in found if text), "")


def is_union(hint: Any) -> bool:  # any annotation
    """Say whether an annotation is a union."""
    return get_origin(hint) in (Union, UnionType)


def members_of(hint: Any) -> list[Any]:  # any annotation
    """Return the members of a union, or the annotation alone."""
    return list(get_args(hint)) if is_union(hint) else [hint]


def known_members(hint: Any) -> tuple[list[Any], bool]:  # any annotation
    """Return the types that an annotation admits, and whether it also admits None or that nothing is given."""
    members = members_of(hint)
    known = [one for one in members if one not in (None, NoneType, msgspec.UnsetType)]
    return known, len(known) < len(members)


def is_data_class(hint: Any) -> bool:  # any annotation
    """Say whether a type has fields that GraphQL can show."""
    cls = get_origin(hint) or hint
    if not isinstance(cls, type):
        return False
    struct = issubclass(cls, msgspec.Struct)
    return struct or dataclasses.is_dataclass(cls) or is_typeddict(cls) or hasattr(cls, "__attrs_attrs__")


def data_class_in(hint: Any) -> Any:  # any annotation
    """Return the data class that an annotation is, or holds beside None; None where there is none."""
    return next((one for one in members_of(without_metadata(hint)) if is_data_class(one)), None)


def by_keys(hint: Any, value: Any) -> Any:  # any annotation; JSON-like data
    """Return data that came by the names of GraphQL by those that decoders know."""
    inner = data_class_in(hint)
    if inner is not None and isinstance(value, dict):
        return {one.key: by_keys(one.hint, value[one.wire]) for one in fields_of(inner) if one.wire in value}
    if isinstance(value, list) and get_args(without_metadata(hint)):
        return [by_keys(get_args(without_metadata(hint))[0], item) for item in value]
    return value


def fields_of(hint: Any) -> list[ShapeField]:  # a data class or a parametrised one
    """Return the fields of a data class, in order.

    Raises:
        NameError: an annotation cannot be evaluated.
    """
    cls: Any = get_origin(hint) or hint
    texts = described_names(cls)
    if issubclass(cls, msgspec.Struct):
        return [_of_struct(one, texts) for one in msgspec.structs.fields(hint)]
    hints = _hints(hint)
    if is_typeddict(cls):
        return [
            _field(name, name, annotation, MISSING, texts, required=name in cls.__required_keys__)
            for name, annotation in hints.items()
        ]
    if dataclasses.is_dataclass(cls):
        return [
            _field(one.name, one.name, hints[one.name], one.default, texts, required=_is_required(one))
            for one in dataclasses.fields(cls)
        ]
    return [
        _field(one.name, one.name, hints[one.name], MISSING, texts, required=one.default is _nothing())
        for one in cls.__attrs_attrs__
    ]


def _of_struct(one: msgspec.structs.FieldInfo, texts: dict[str, str]) -> ShapeField:
    default = MISSING if one.default is msgspec.NODEFAULT else one.default
    return _field(one.name, one.encode_name, one.type, default, texts, required=one.required)


def _field(  # as many as a field has
    name: str, key: str, hint: Any, default: Any, texts: dict[str, str], *, required: bool
) -> ShapeField:
    wire = key if key != name else camel(name)
    return ShapeField(name, wire, key, hint, default, required, described(hint) or texts.get(name, ""))


def _is_required(one: dataclasses.Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _nothing() -> Any:
    from attrs import NOTHING  # the library of the class at hand

    return NOTHING


def _hints(hint: Any) -> dict[str, Any]:
    """Return the hints of a class, with the parameters of a generic one put in."""
    cls: Any = get_origin(hint) or hint
    found = get_type_hints(cls, include_extras=True)
    given = dict(zip(getattr(cls, "__parameters__", ()), get_args(hint), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(base)
        if origin is not None and origin is not Generic:
            given |= dict(zip(getattr(origin, "__parameters__", ()), get_args(base), strict=False))
    return {name: _filled(one, given) for name, one in found.items()}


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    if get_origin(hint) in _QUALIFIERS:
        return _filled(get_args(hint)[0], given)
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(one, one) for one in parameters)] if parameters else hint

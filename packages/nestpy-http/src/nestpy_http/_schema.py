"""Decodes, converts and encodes values by their annotation, foreign libraries' types included."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
import sys
from collections.abc import AsyncIterable, Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import ForeignTypes, Graph, name_of

from ._depth import bounded, check_depth, check_packed_depth
from ._patterns import explodes
from ._shape import DEFAULT_BOUNDS, Bounds, Shape, patterns_of
from .errors import RouteError

if TYPE_CHECKING:
    from ._whole import WholeReader

_SCALARS: tuple[Any, ...] = (str, int, bool, float, bytes, None)
_COLLECTIONS = (list, tuple, set, frozenset)
WRITTEN: tuple[Any, ...] = (dt.datetime, dt.timedelta)
"""What would be read from a number of seconds too, were a text not held to its form."""
UNSAFE_SEGMENT = re.compile(r"[\x00-\x1f\x7f\\;\ufffd]")
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


class Schemas:
    """Makes decoders, converters and encoders for the types of one app.

    Attributes:
        decode_foreign: builds a value of a foreign library's type, as msgspec's ``dec_hook`` does.
        encode: encodes any result as JSON.
        bounds: what holds for bodies where their type says nothing.
        encode_msgpack: encodes any result as MessagePack.
    """

    def __init__(self, graph: Graph, bounds: Bounds = DEFAULT_BOUNDS, *, strict_json: bool = False) -> None:
        self.bounds = bounds
        self._strict_json = strict_json
        self._types = ForeignTypes(graph)
        self.decode_foreign = self._types.decode
        self._good: dict[int, Any] = {}
        self.encode = msgspec.json.Encoder(enc_hook=self._types.encode).encode
        self.encode_msgpack = msgspec.msgpack.Encoder(enc_hook=self._types.encode).encode

    def check(self, kind: Any, what: str) -> RouteError | None:
        """Return what is wrong with *kind*, which *what* names, or None."""
        if kind in _SCALARS or id(kind) in self._good:
            return None
        problem = self._check(kind, what)
        if problem is None:
            self._good[id(kind)] = kind
        return problem

    def _check(self, kind: Any, what: str) -> RouteError | None:
        try:
            info = msgspec_inspect.type_info(kind)
        except (TypeError, NameError) as error:
            absent = getattr(error, "name", None)
            hints = (f"import `{absent}` where it is annotated, outside `if TYPE_CHECKING:`",) if absent else ()
            return RouteError(f"{what} is `{name_of(kind)}`, which cannot be decoded: {error}.", hints=hints)
        for pattern in patterns_of(info):
            if explodes(pattern):
                return RouteError(
                    f"{what} is `{name_of(kind)}`, whose pattern `{pattern}` repeats a repetition: some texts would "
                    "take it hours to refuse.",
                    hints=("write it so that a text matches in one way only: `[a-z]+(-[a-z]+)*`, not `([a-z]+-?)*`",),
                )
        cls = self._types.unserved(info)
        return None if cls is None else _unserved(what, kind, cls)

    def supports(self, cls: type) -> bool:
        """Say whether a schema plugin serves *cls*."""
        return self._types.support(cls) is not None

    def decoder(self, kind: Any, *, allow_unknown: bool | None = None) -> Callable[[bytes], Any]:
        """Return what decodes *kind* from JSON; it raises ValueError (or RecursionError) when it does not fit."""
        shape = Shape(kind, self.bounds.unless(allow_unknown=allow_unknown))
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind, dec_hook=self.decode_foreign).decode
        if shape.nests_freely:
            decode = bounded(decode, check_depth)
        checked = shape.decoder(decode, msgspec.json.Decoder(shape.annotation).decode)
        if not self._strict_json:
            return checked
        from ._strict_json import strict

        return strict(checked)

    def packed_decoder(self, kind: Any, *, allow_unknown: bool | None = None) -> Callable[[bytes], Any]:
        """Return what decodes *kind* from MessagePack, held to the same bounds."""
        shape = Shape(kind, self.bounds.unless(allow_unknown=allow_unknown))
        decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(kind, dec_hook=self.decode_foreign).decode
        if shape.nests_freely:
            decode = bounded(decode, check_packed_depth)
        return shape.packed_decoder(decode, msgspec.msgpack.Decoder(shape.annotation).decode)

    def whole_reader(self, kind: Any, *, ticks: bool, allow_unknown: bool | None = None) -> WholeReader:
        """Return what makes *kind* of a whole query, or of a form, in which boxes are ticked by ``on``."""
        from ._whole import WholeReader

        return WholeReader(
            kind, self, refuse_unknown=self.bounds.unless(allow_unknown=allow_unknown).refuse_unknown, ticks=ticks
        )

    def converter(self, kind: Any) -> Callable[[Any], Any]:
        """Return what makes *kind* from one text, or from a list of texts where *kind* is a collection."""
        if kind is str:
            return _text
        if kind is int:
            return _integer
        if kind is bool:
            return _boolean
        box = msgspec.defstruct("_Box", [("value", kind)])
        unbox = attrgetter("value")
        wrap = is_collection(kind)
        strict = kind in WRITTEN

        def convert(value: Any) -> Any:
            if wrap and isinstance(value, str):
                value = [value]
            converted = unbox(msgspec.convert({"value": value}, box, strict=strict, dec_hook=self.decode_foreign))
            if isinstance(converted, float | decimal.Decimal) and not math.isfinite(converted):
                raise ValueError("Expected a finite number")
            return _within_64_bits(converted) if isinstance(converted, int) else converted

        return convert


def _unserved(what: str, kind: Any, cls: type) -> RouteError:
    library = ForeignTypes.library(cls)
    own = "use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    if not _is_installed(library):
        generated = issubclass(cls, AsyncIterable | Iterator)
        return RouteError(
            f"{what} is `{name_of(kind)}`, and nothing decodes `{name_of(cls)}`.",
            hints=("make the handler an async generator, with `yield`, to stream",) if generated else (own,),
        )
    return RouteError(
        f"{what} is `{name_of(kind)}`, and nothing installed decodes `{name_of(cls)}` of `{library}`.",
        hints=(f"install a schema plugin for it: `pip install nestpy-{library}`", f"or {own}"),
    )


def path_converter(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuse a segment that changes the path's meaning for whoever reads it next, then convert it."""

    def checked(value: Any) -> Any:
        check_segment(value)
        return convert(value)

    return checked


def instance_or(kind: Any, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let an instance of *kind*, which a pipe has made, pass as it is; convert everything else."""
    inner, _ = optional_inner(kind)
    if not isinstance(inner, type):
        return convert
    return lambda value: value if isinstance(value, inner) else convert(value)


def check_segment(value: str) -> None:
    """Refuse a segment that is empty, a dot segment or holds what other parsers read differently.

    Raises:
        ValueError: it is one.
    """
    if not value or value in (".", "..") or UNSAFE_SEGMENT.search(value):
        raise ValueError("Expected a path segment")


def _text(value: Any) -> str:
    if value.__class__ is not str:
        raise ValueError("Expected `str`")
    return str(value)


def _integer(value: Any) -> int:
    if value.__class__ is str and value.isdecimal() and value.isascii() and len(value) < 19:
        return int(value)
    return _within_64_bits(msgspec.convert(value, int, strict=False))


def _within_64_bits(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise ValueError("Integer value out of range")
    return number


def _boolean(value: Any) -> bool:
    found = BOOLEANS.get(value) if value.__class__ is str else None
    if found is None:
        raise ValueError("Expected `bool`")
    return found


def _is_installed(library: str) -> bool:
    """Say whether a module was installed, and is neither Python's own nor the app's."""
    path = getattr(sys.modules.get(library), "__file__", None) or ""
    return "site-packages" in path or "dist-packages" in path


def is_data_type(kind: Any) -> bool:
    """Say whether a type is data without ceremony: a Struct, dataclass, TypedDict, attrs class or foreign model."""
    target = get_origin(kind) or kind
    if not isinstance(target, type):
        return False
    return (
        issubclass(target, msgspec.Struct)
        or hasattr(target, "__dataclass_fields__")
        or hasattr(target, "__attrs_attrs__")
        or (issubclass(target, dict) and hasattr(target, "__total__"))
    )


def is_data(kind: Any) -> bool:
    """Say whether a type is data without ceremony, with or without constraints or ``None``."""
    if get_origin(kind) is Annotated:
        return is_data(get_args(kind)[0])
    inner, optional = optional_inner(kind)
    return is_data(inner) if optional else is_data_type(inner)


def is_collection(kind: Any) -> bool:
    """Say whether a type takes several texts: a list, tuple or set, with or without constraints or ``None``."""
    if get_origin(kind) is Annotated:
        return is_collection(get_args(kind)[0])
    inner, optional = optional_inner(kind)
    return is_collection(inner) if optional else (get_origin(kind) or kind) in _COLLECTIONS


def optional_inner(kind: Any) -> tuple[Any, bool]:
    """Return the type without ``None`` and whether it had it."""
    arguments = get_args(kind)
    if type(None) in arguments and get_origin(kind) is not None and len(arguments) == 2:
        return next(item for item in arguments if item is not type(None)), True
    return kind, False

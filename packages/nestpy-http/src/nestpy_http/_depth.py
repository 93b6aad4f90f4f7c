"""Bounds how deep a body nests, alike on every Python: interpreters give up at depths of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as msgspec_inspect

MAX_DEPTH = 256
"""Levels of arrays and objects; CPython 3.11 to 3.13 decode and walk as many from any handler's stack."""

_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"\\'))
# A string without an end runs to the end of the text: were it no match, each quote in it would be tried anew.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_CONTAINERS = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
"""The first bytes of MessagePack's arrays and maps; texts other than ASCII hold them too."""


class NestingError(ValueError):
    """A body is nested deeper than is taken; the text names no part of it."""

    def __init__(self, levels: int) -> None:
        super().__init__(f"The body is nested more than {levels} levels deep")


def check_depth(body: bytes, levels: int = MAX_DEPTH) -> None:
    """Refuse JSON that nests deeper than *levels*; what is no JSON may pass, for its decoder to refuse.

    A body of fewer brackets than that is only counted.

    Raises:
        NestingError: it does.
    """
    if len(body) <= 2 * levels or body.count(b"[") + body.count(b"{") <= levels:
        return
    marks = _marks(body)
    # Each round takes away the innermost level; what is left once it fits in the levels left cannot be too deep.
    for left in range(levels, 0, -1):
        if len(marks) <= 2 * left:
            return
        inner, marks = len(marks), marks.replace(b"[]", b"")
        if len(marks) == inner:
            return
    raise NestingError(levels)


def _marks(body: bytes) -> bytes:
    """Return the brackets of a document, those in its texts left out."""
    marks = body.translate(_ALIKE, _NO_MARKS)
    if b"\\" not in marks:
        return b"".join(marks.split(b'"')[::2])
    return _STRING.sub(b"", body).translate(_ALIKE, _NO_MARKS)


def check_packed_depth(body: bytes, levels: int = MAX_DEPTH) -> None:
    """Refuse MessagePack that nests deeper than *levels*.

    Raises:
        NestingError: it does.
        ValueError: it is no MessagePack.
    """
    if len(body) - len(body.translate(None, _CONTAINERS)) <= levels:
        return
    here = [msgspec.msgpack.decode(body)]
    for _ in range(levels):
        here = [item for each in here for item in _items(each)]
        if not here:
            return
    raise NestingError(levels)


def _items(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in inner if isinstance(item, dict | list)]


def bounded(decode: Callable[[bytes], Any], check: Callable[[bytes], None]) -> Callable[[bytes], Any]:
    """Return *decode* behind *check*."""

    def decode_bounded(body: bytes) -> Any:
        check(body)
        return decode(body)

    return decode_bounded


def nests_freely(info: Any) -> bool:
    """Say whether values of a type may nest as deep as a client likes: the type holds itself, or anything."""
    return _nests_freely(info, (), set())


def _nests_freely(info: Any, above: tuple[int, ...], done: set[int]) -> bool:
    if isinstance(info, msgspec_inspect.AnyType | msgspec_inspect.RawType | msgspec_inspect.CustomType):
        return True
    if id(info) in above:
        return True
    if id(info) in done:
        return False
    done.add(id(info))
    above = (*above, id(info))
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item.type if isinstance(item, msgspec_inspect.Field) else item
            if isinstance(inner, msgspec_inspect.Type) and _nests_freely(inner, above, done):
                return True
    return False

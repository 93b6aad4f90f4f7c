"""Refuses what JSON leaves undefined and msgspec lets pass: repeated keys and deep nesting (RFC 8259, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._depth import check_depth

MAX_DEPTH = 64


class StrictJsonError(ValueError):
    """A document says a key twice; the text names no part of it."""


def strict(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return *decode* behind a scan of the whole document; linear, and several times as long as decoding."""
    import json

    def decode_strictly(body: bytes) -> Any:
        check_depth(body, MAX_DEPTH)
        json.loads(body, object_pairs_hook=_once_each)
        return decode(body)

    return decode_strictly


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise StrictJsonError("The body has an object with a repeated key")

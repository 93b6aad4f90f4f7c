"""Refuses what JSON leaves undefined and msgspec lets pass: repeated keys and deep nesting (RFC 8259, 4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64
# A string without an end runs to the end of the text: were it no match, each quote in it would be tried anew.
_MARKS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]+|[\]}]+', re.DOTALL)


class StrictJsonError(ValueError):
    """A document says a key twice or is nested more than 64 levels deep; the text names no part of it."""


def strict(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return *decode* behind a scan of the whole document; linear, and several times as long as decoding."""

    def decode_strictly(body: bytes) -> Any:
        _check_depth(body)
        json.loads(body, object_pairs_hook=_once_each)
        return decode(body)

    return decode_strictly


def _check_depth(body: bytes) -> None:
    depth = 0
    for mark in _MARKS.findall(body):
        if mark[0] in b"[{":
            depth += len(mark)
            if depth > MAX_DEPTH:
                raise StrictJsonError(f"The body is nested more than {MAX_DEPTH} levels deep")
        elif mark[0] in b"]}":
            depth -= len(mark)


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise StrictJsonError("The body has an object with a repeated key")

"""Identifiers that sort by the time they were made (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import time
import uuid
from typing import Annotated, TypeAlias

import msgspec

__all__ = ("UUID7", "uuid7")

_FORM = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-7[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"
UUID7: TypeAlias = Annotated[uuid.UUID, msgspec.Meta(extra_json_schema={"pattern": _FORM})]
"""A UUID that documents call one of version 7: for the ``id`` of an override of `Crud`, which takes no other."""

_COUNTER_BITS = 12
_last = (0, 0)


def uuid7() -> uuid.UUID:
    """Return a new UUID of version 7: 48 bits of milliseconds, 12 of a counter, 62 random ones.

    Those of one process are strictly ascending, also within a millisecond and when the clock is set back. It is
    the default of primary keys: ``id = UUID(primary_key=True, default=uuid7)``.
    """
    global _last  # noqa: PLW0603  # what makes them ascend; read and written without an await between
    now = time.time_ns() // 1_000_000
    millisecond, counter = _last
    if now > millisecond:
        millisecond, counter = now, int.from_bytes(os.urandom(1), "big")
    else:
        counter += 1
        if counter >> _COUNTER_BITS:
            millisecond, counter = millisecond + 1, 0
    _last = (millisecond, counter)
    tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=(millisecond << 80) | (7 << 76) | (counter << 64) | (2 << 62) | tail)

"""The base of small immutable records inside the framework."""

from __future__ import annotations

import msgspec

__all__ = ("Record",)


class Record(msgspec.Struct, frozen=True):
    """A frozen record: what a frozen, slotted dataclass is, defined in a fiftieth of its time.

    A frozen dataclass costs about a millisecond at import, and the framework defines dozens. Records are
    never decoded, so their annotations are never evaluated. Subclasses may say ``kw_only=True`` and, to
    compare by identity, ``eq=False``.
    """


class OpenRecord(msgspec.Struct, eq=False):
    """A record that is filled in as a boot goes on, and compared by identity."""

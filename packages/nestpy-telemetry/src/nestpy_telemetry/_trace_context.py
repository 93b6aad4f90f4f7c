"""Trace ids: read from what came with a call, made where nothing did, written on what leaves (W3C Trace Context)."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import NamedTuple

TRACE_BITS = (1 << 64) - 1
SAMPLED = 0x01

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
_MOST_MEMBERS = 32
_LONGEST_STATE = 512


class Parent(NamedTuple):
    """The span that caused a call, as it came with it."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str


def parent_of(carrier: Mapping[str, str]) -> Parent | None:
    """Return the parent that *carrier* names by ``traceparent`` and ``tracestate``; None without a valid one.

    Section 3.2 of W3C Trace Context: an unknown version is read as far as it is known, version ``ff`` and ids of zeros
    are invalid. A ``tracestate`` that is not valid is left out.
    """
    found = _PARENT.fullmatch(carrier.get("traceparent", "").strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & SAMPLED), _state(carrier.get("tracestate", "")))


def _state(text: str) -> str:
    members = [member.strip() for member in text.split(",") if member.strip()]
    valid = len(text) <= _LONGEST_STATE and len(members) <= _MOST_MEMBERS and all(map(_MEMBER.fullmatch, members))
    return ",".join(members) if valid else ""


def new_trace_id() -> int:
    """Return 128 random bits, not all of them zero."""
    return random.getrandbits(128) or 1


def new_span_id() -> int:
    """Return 64 random bits, not all of them zero."""
    return random.getrandbits(64) or 1


def is_sampled(trace_id: int, ratio: float) -> bool:
    """Decide by the trace id alone, so that everybody who asks agrees (as OpenTelemetry's TraceIdRatioBased)."""
    return (trace_id & TRACE_BITS) < round(ratio * (TRACE_BITS + 1))

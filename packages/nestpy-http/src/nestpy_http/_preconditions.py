"""Evaluates conditional requests in the order of RFC 9110, section 13.2.2, in time linear to their headers."""

from __future__ import annotations

import re
from typing import Any

_TAG = re.compile(r'(?:W/)?"[^"]*"')
SAFE = frozenset({"GET", "HEAD"})


def refused(method: str, headers: Any, tag: str | None, modified: float | None) -> int | None:
    """Return 304 or 412 where a precondition does not hold, else None.

    Args:
        method: of the request.
        headers: of the request.
        tag: the entity tag of what there is now, as ``"v1"`` or ``W/"v1"``; None where there is none.
        modified: when it was changed last, in seconds of the epoch; None where nobody knows.
    """
    wanted = _field(headers, "if-match")
    if wanted is not None:
        if not _matches_strongly(wanted, tag):
            return 412
    elif modified is not None and _is_later(modified, headers.get("if-unmodified-since")):
        return 412
    held = _field(headers, "if-none-match")
    if held is not None:
        if tag is not None and matches(held, tag):
            return 304 if method in SAFE else 412
        return None
    unchanged = modified is not None and _is_not_later(modified, headers.get("if-modified-since"))
    return 304 if method in SAFE and unchanged else None


def _field(headers: Any, name: str) -> str | None:
    several = headers.get_all(name) if name in headers else ()
    return ", ".join(several) if several else None


def matches(header: str, tag: str) -> bool:
    """Say whether a list of tags holds *tag*, compared weakly (RFC 9110, section 8.8.3.2)."""
    if header.strip() == "*":
        return True
    wanted = tag.removeprefix("W/")
    return any(one.removeprefix("W/") == wanted for one in _TAG.findall(header))


def _matches_strongly(header: str, tag: str | None) -> bool:
    if tag is None:
        return False
    if header.strip() == "*":
        return True
    return not tag.startswith("W/") and tag in _TAG.findall(header)


def _is_later(modified: float, header: str | None) -> bool:
    given = _seconds(header)
    return given is not None and int(modified) > given


def _is_not_later(modified: float, header: str | None) -> bool:
    given = _seconds(header)
    return given is not None and int(modified) <= given


def _seconds(header: str | None) -> float | None:
    """Return a date in seconds of the epoch; None for a malformed one, which says nothing."""
    if header is None:
        return None
    from email.utils import parsedate_to_datetime  # it loads half of email

    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

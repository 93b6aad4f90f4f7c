"""Chooses among what the server has by the weights of an ``Accept…`` header (RFC 9110, 12.5), in linear time."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

MAX_ITEMS = 64
MAX_REMEMBERED = 256
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def weighted(text: str) -> list[tuple[str, float]]:
    """Return the values of a header with their weights; at most 64, malformed weights count as 0."""
    found = []
    for item in text.split(",", MAX_ITEMS)[:MAX_ITEMS]:
        value, _, options = item.partition(";")
        found.append((value.strip().lower(), _quality(options) if options else 1.0))
    return found


def _quality(options: str) -> float:
    for option in options.split(";"):
        name, _, value = option.partition("=")
        if name.strip().lower() == "q":
            value = value.strip()
            return float(value) if _QUALITY.fullmatch(value) else 0.0
    return 1.0


def best_media(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that *accept* wants most, the earlier of two equals; None when it wants none.

    Args:
        accept: the header; None or an empty one wants the first.
        offers: media types without parameters, lower case.
    """
    if not accept or accept == "*/*":
        return offers[0]
    weights = dict(reversed(weighted(accept)))
    best, highest = None, 0.0
    for offer in offers:
        kind = offer.partition("/")[0]
        weight = next((weights[one] for one in (offer, f"{kind}/*", "*/*") if one in weights), 0.0)
        if weight > highest:
            best, highest = offer, weight
    return best


def best_encoding(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the content coding that *accept* wants most, the earlier of two equals; None to send it as it is."""
    if not accept:
        return None
    weights = dict(reversed(weighted(accept)))
    rest = weights.get("*", 0.0)
    best, highest = None, 0.0
    for offer in offers:
        weight = weights.get(offer, rest)
        if weight > highest:
            best, highest = offer, weight
    return best


def remembered(choose: Callable[[str | None], T]) -> Callable[[str | None], T]:
    """Return *choose* with its last 128 answers remembered, those to headers of ordinary length."""
    quick = functools.lru_cache(maxsize=128)(choose)

    def chosen(header: str | None) -> T:
        return choose(header) if header is not None and len(header) > MAX_REMEMBERED else quick(header)

    return chosen

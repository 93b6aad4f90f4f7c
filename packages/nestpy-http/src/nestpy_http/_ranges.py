"""Reads ``Range`` and ``If-Range`` (RFC 9110, sections 13.1.5 and 14), in time linear to the header."""

from __future__ import annotations

MAX_RANGES = 16
MAX_HEADER = 1024
_MAX_DIGITS = 18


def parse_ranges(header: str, size: int) -> list[tuple[int, int]] | None:
    """Return the ranges of a file of *size* bytes as pairs of start and end, the end exclusive.

    Returns:
        None where the whole file is to be sent: the header is malformed, of another unit, holds more than 16 ranges,
        or asks for more than the file. Empty where no range can be satisfied (416).
    """
    unit, separator, text = header.partition("=")
    if len(header) > MAX_HEADER or not separator or unit.strip().lower() != "bytes":
        return None
    if text.count(",") >= MAX_RANGES:
        return None
    found = []
    for item in text.split(","):
        first, separator, last = item.strip().partition("-")
        if not separator or not _is_number(first or "0") or not _is_number(last or "0") or not (first or last):
            return None
        if not first:
            found.append((max(0, size - int(last)), size))
        elif last and int(last) < int(first):
            return None
        else:
            found.append((int(first), min(size, int(last) + 1) if last else size))
    ranges = [(start, end) for start, end in found if start < end]
    return None if sum(end - start for start, end in ranges) > size else ranges


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS


def still_same(header: str | None, tag: str, modified: str) -> bool:
    """Say whether ``If-Range`` allows ranges: absent, or the very tag if it is strong, or the very date."""
    return header is None or (header.strip() in {tag, modified} and not header.strip().startswith("W/"))

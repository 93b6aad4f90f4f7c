"""What never stands in a log line: secrets by the name of their field or by their look, and control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

REDACTED = "***"
LONGEST = 8192
"""Characters of one value."""
DEEPEST = 6
_SHORT = 128

_SECRET_NAME = re.compile(
    r"authorization|cookie|passw(or)?d|passphrase|secret|credential|api_?key|private_?key|(^|_)(token|jwt|pin|otp|cvv)$"
    r"|session_?id$"
)
_SECRET_TEXT = re.compile(
    r"(?P<header>\b[\w\-]{0,32}(?:authorization|cookie)\s?[=:]\s?)[^\"'\r\n]+"
    r"|(?P<scheme>\b(?:bearer|basic|digest|token)\s)[\w.~+/\-]{6,}=*"
    r"|(?P<named>\b[\w\-]{0,32}(?:password|passwd|secret|token|api_?key|signature)[\w\-]{0,32}\s?[=:]\s?[\"']?)[^\s&;,\"']+"
    r"|(?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)",
    re.IGNORECASE,
)
_HINTS = re.compile(
    r"bearer|basic|digest|passw|secret|token|api_?key|signature|authorization|cookie|://", re.IGNORECASE
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    """Return *text* in one line: control characters, and those that reorder text, stand as escapes."""
    return text if text.isprintable() else _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return known or (f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}")


def without_secrets(text: str) -> str:
    """Return *text*, cut where it is long, with what looks like a credential blotted out."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    return _SECRET_TEXT.sub(_blot, text) if _HINTS.search(text) else text


def _blot(found: re.Match[str]) -> str:
    return f"{found['header'] or found['scheme'] or found['named'] or found['user']}{REDACTED}"


class Redaction:
    """Makes values fit for a log line.

    Args:
        names: fields whose values are never written, beside the usual ones.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = frozenset(map(_normal, names))
        self._short = lru_cache(maxsize=2048)(lambda text: escaped(without_secrets(text)))
        self._hides = lru_cache(maxsize=2048)(lambda name: name in own or bool(_SECRET_NAME.search(name)))

    def hides(self, name: str) -> bool:
        """Return whether the value of a field of this name is a secret."""
        return self._hides(_normal(name))

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of one line, fit to be written."""
        return {
            escaped(str(name)): REDACTED if self.hides(str(name)) else self.value(value)
            for name, value in event.items()
        }

    def text(self, text: str) -> str:
        """Return a text; what is short is remembered, for methods, paths and agents come again and again."""
        return self._short(text) if len(text) <= _SHORT else escaped(without_secrets(text))

    def value(self, value: Any, depth: int = 0) -> Any:  # whatever somebody logs
        """Return one value: a scalar, a list or a mapping of such, everything else as data or as its ``repr``."""
        if value is None or value.__class__ in (bool, int, float):
            return value
        if isinstance(value, str):
            return escaped(without_secrets(str(value)))
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return {
                escaped(str(name)): REDACTED if self.hides(str(name)) else self.value(item, depth + 1)
                for name, item in list(value.items())
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in list(value)]
        return self.value(_plain(value), depth + 1)


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return "<1 byte>" if len(value) == 1 else f"<{len(value)} bytes>"
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_described)
    except Exception:  # noqa: BLE001  # a line is written whatever somebody logs
        return _described(value)


def _says_nothing(cls: Any) -> bool:
    """Return whether instances print as nothing but an address."""
    return cls.__str__ is object.__str__ and cls.__repr__ is object.__repr__


def _described(value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    try:
        return f"<{type(value).__name__}>" if _says_nothing(type(value)) else str(value)
    except Exception:  # noqa: BLE001  # as above
        return f"<{type(value).__name__}>"

"""Writes cookies that are safe by default (RFC 6265bis): host-only, secure, out of scripts' reach."""

from __future__ import annotations

import re
from typing import Literal, TypedDict

from .errors import ResponseError

MAX_COOKIE = 4096
HOST_PREFIX = "__Host-"

SameSite = Literal["Lax", "Strict", "None"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")


class CookieAttributes(TypedDict, total=False):
    """What `cookie` takes beside name and value."""

    max_age: int | None
    path: str
    domain: str | None
    secure: bool
    http_only: bool
    same_site: SameSite
    prefix: bool


def cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: SameSite = "Lax",
    prefix: bool = True,
) -> str:
    """Return the value of a ``Set-Cookie`` header.

    Args:
        name: without ``__Host-``.
        value: printable ASCII without space, quote, comma, semicolon and backslash; encode anything else.
        max_age: seconds; None lasts as long as the browser's session.
        path: below which it is sent; anything but ``/`` needs ``prefix=False``.
        domain: also send it to subdomains; needs ``prefix=False``.
        secure: over HTTPS alone (browsers except localhost).
        http_only: hidden from scripts.
        same_site: ``None`` needs ``secure``.
        prefix: call it ``__Host-<name>``, so that no other host can set it.

    Raises:
        ResponseError: it holds a character that no cookie may, contradicts itself, or is over 4,096 bytes.
    """
    whole = f"{HOST_PREFIX}{name}" if prefix and not name.startswith(HOST_PREFIX) else name
    if not _NAME.fullmatch(name):
        raise ResponseError(f"A cookie cannot be called {name!r}")
    if not _VALUE.fullmatch(value):
        raise ResponseError(f"The cookie `{name}` holds a character that no cookie may; encode its value")
    if whole.startswith(HOST_PREFIX) and (path != "/" or domain is not None or not secure):
        raise ResponseError(f"The cookie `{whole}` needs `path='/'`, `secure=True` and no `domain`, or `prefix=False`")
    if same_site == "None" and not secure:
        raise ResponseError(f"The cookie `{name}` with `same_site='None'` must be secure")
    if not _ATTRIBUTE.fullmatch(path) or not _ATTRIBUTE.fullmatch(domain or ""):
        raise ResponseError(f"The path or domain of the cookie `{name}` holds a character that no cookie may")
    parts = [f"{whole}={value}", f"Path={path}"]
    parts += [f"Domain={domain}"] if domain else []
    parts += [f"Max-Age={int(max_age)}"] if max_age is not None else []
    parts += [word for word, given in (("Secure", secure), ("HttpOnly", http_only)) if given]
    text = "; ".join([*parts, f"SameSite={same_site}"])
    if len(text) > MAX_COOKIE:
        raise ResponseError(f"The cookie `{name}` is over {MAX_COOKIE} bytes; keep the data on the server")
    return text

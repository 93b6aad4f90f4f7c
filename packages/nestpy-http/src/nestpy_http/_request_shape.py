"""Checks the headers of a request before routing: how many, how large, and whom they say it is for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .errors import BadRequestError, HttpError

MAX_TARGET = 8 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
"""The methods of RFC 9110 and RFC 5789, and QUERY of the HTTP working group; any other without a route is 501."""

TARGET_TOO_LONG = HttpError(f"The target is over {MAX_TARGET} bytes", status=414)

_HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_UNREADABLE = ("host", "authorization", "cookie", "content-type", "content-length", "transfer-encoding")


class RequestShape:
    """Refuses requests by their headers.

    Reading the headers of every request costs more than a bare route may (`DESIGN` 6: 3 %), so that this runs only
    where ``strict_headers`` or ``hosts`` is set.

    Args:
        hosts: the names that the app answers to, in lower case without a port; ``*.example.com`` stands for any
            below it. Empty for any.
        strict: whether sizes and framing are checked as well.
    """

    def __init__(self, hosts: Iterable[str], *, strict: bool) -> None:
        names = [host.lower() for host in hosts]
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._below = tuple(name[1:] for name in names if name.startswith("*."))
        self._strict = strict

    def check(self, scope: Any, headers: Any) -> HttpError | None:
        """Return what to answer instead of routing, or None."""
        if self._strict and (refused := _size_problem(headers) or _framing_problem(headers)):
            return refused
        return self._host_problem(scope, headers)

    def _host_problem(self, scope: Any, headers: Any) -> HttpError | None:
        given = headers.get_all("host")
        authority = scope.authority
        if len(given) > 1 or not (given or authority):
            return BadRequestError("A request needs one `Host`")
        host = given[0] if given else authority
        if authority is not None and authority.lower() != host.lower():
            return BadRequestError("`Host` and the target name different hosts")
        name = host_name(host)
        if name is None:
            return BadRequestError("`Host` is malformed")
        if (self._names or self._below) and name not in self._names and not name.endswith(self._below or ("\0",)):
            return HttpError("This server does not answer for that host", status=421)
        return None


def host_name(host: str) -> str | None:
    """Return the name in a ``Host`` value, in lower case without its port; None when it is malformed."""
    found = _HOST.fullmatch(host)
    return None if found is None else found["name"].lower()


def _size_problem(headers: Any) -> HttpError | None:
    pairs = headers.items()
    if len(pairs) > MAX_HEADERS:
        return HttpError(f"The request has more than {MAX_HEADERS} headers", status=431)
    if sum(len(name) + len(value) + 4 for name, value in pairs) > MAX_HEADER_BYTES:
        return HttpError(f"The headers are over {MAX_HEADER_BYTES} bytes", status=431)
    return None


def _framing_problem(headers: Any) -> HttpError | None:
    if "transfer-encoding" in headers and "content-length" in headers:
        return BadRequestError("Content-Length and Transfer-Encoding exclude each other")
    if len(headers.get_all("content-length")) > 1:
        return BadRequestError("Content-Length must be given once")
    for name in _UNREADABLE:
        if name in headers and headers.get(name) is None:
            return BadRequestError(f"The header `{name}` holds characters beyond ASCII")
    return None

"""Tells clients of an app that drains, with their next answer, that the connection ends there."""

from __future__ import annotations

from typing import Any

from ._wrapping import Headers, WrappedProtocol

_CLOSE = ("connection", "close")


def closing(scope: Any, protocol: Any) -> Any:
    """Return the protocol of one request with ``Connection: close`` on its answer; HTTP/2 has no such header."""
    return protocol if scope.http_version == "2" else _ClosingProtocol(protocol)


class _ClosingProtocol(WrappedProtocol):
    __slots__ = ()

    def headers(self, headers: Headers) -> Headers:
        return [*headers, _CLOSE]

"""Answers HEAD through the GET route: same guards, same headers, no body."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

from ._router import Route
from ._wrapping import Headers, WrappedProtocol


class HeadProtocol(WrappedProtocol):
    """A protocol that sends the headers of a response and counts its body instead of sending it."""

    __slots__ = ()

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        self._inner.response_empty(status, _sized(headers, len(body.encode())))

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._inner.response_empty(status, _sized(headers, len(body)))

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        del file
        self._inner.response_empty(status, headers)

    def response_file_range(self, status: int, headers: Headers, file: str, start: int, end: int) -> None:
        del file, start, end
        self._inner.response_empty(status, headers)

    def response_stream(self, status: int, headers: Headers) -> None:
        self._inner.response_empty(status, headers)


def _sized(headers: Headers, size: int) -> Headers:
    return [*headers, ("content-length", str(size))]


def head_of(route: Route) -> Route:
    """Return the HEAD route of a GET route."""

    def head(scope: Any, protocol: Any, segments: Any) -> Awaitable[None]:
        return cast("Awaitable[None]", route(scope, HeadProtocol(protocol), segments))

    return head

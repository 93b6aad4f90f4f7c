"""`@etag`: a validator for a route's results, so that an unchanged one is a 304 without a body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nestpy_core._metadata import attach

from ._router import Route
from ._wrapping import WrappedProtocol

__all__ = ("etag",)

F = TypeVar("F", bound=Callable[..., Any])
Headers = list[tuple[str, str]]


def etag(function: F) -> F:
    """Send a weak ``ETag`` of the body with each 200, and 304 where ``If-None-Match`` holds it.

    The handler runs as ever: what is saved is the transfer. For GET routes.
    """
    attach(function, "http_etag", value=True)
    return function


def matches(header: str | None, tag: str) -> bool:
    """Say whether ``If-None-Match`` holds *tag*, compared weakly (RFC 9110, section 13.1.2)."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    wanted = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") == wanted for one in header.split(","))


class TaggedProtocol(WrappedProtocol):
    """Adds the tag to a whole answer of status 200, or answers 304 instead."""

    __slots__ = ("_digest", "_held")

    def __init__(self, inner: Any, held: str | None, digest: Callable[[bytes], str]) -> None:
        super().__init__(inner)
        self._held = held
        self._digest = digest

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        if status != 200:
            self._inner.response_bytes(status, headers, body)
            return
        tag = next((value for name, value in headers if name == "etag"), None)
        if tag is None:
            tag = self._digest(body)
            headers = [*headers, ("etag", tag)]
        if matches(self._held, tag):
            kept = [pair for pair in headers if not pair[0].startswith("content-")]
            self._inner.response_empty(304, kept)
        else:
            self._inner.response_bytes(status, headers, body)


def tagged(route: Route) -> Route:
    """Return *route* with a validator on its answers."""
    from hashlib import blake2b  # it loads OpenSSL: only apps that use it pay for it

    def digest(body: bytes) -> str:
        return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'

    def answer(scope: Any, protocol: Any, segments: Any) -> Any:
        return route(scope, TaggedProtocol(protocol, scope.headers.get("if-none-match"), digest), segments)

    return answer

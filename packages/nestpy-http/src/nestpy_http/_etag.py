"""`@etag`: a validator for a route's results, so that an unchanged one is a 304 without a body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nestpy_core import attach_metadata

from ._answer import Ready
from ._preconditions import refused
from ._router import Route
from ._wrapping import WrappedProtocol

__all__ = ("etag",)

F = TypeVar("F", bound=Callable[..., Any])
Headers = list[tuple[str, str]]


def etag(function: F) -> F:
    """Send a weak ``ETag`` of the body with each 200, and 304 where ``If-None-Match`` holds it.

    The handler runs as ever: what is saved is the transfer. For GET routes. ``If-Match`` wants a strong tag, which a
    handler sets itself; where it does not hold, the answer is 412.
    """
    attach_metadata(function, "http_etag", value=True)
    return function


class TaggedProtocol(WrappedProtocol):
    """Adds the tag to a whole answer of status 200, or answers 304 or 412 instead."""

    __slots__ = ("_digest", "_failed", "_scope")

    def __init__(self, inner: Any, scope: Any, digest: Callable[[bytes], str], failed: Ready) -> None:
        super().__init__(inner)
        self._scope = scope
        self._digest = digest
        self._failed = failed

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
        answer = refused(self._scope.method, self._scope.headers, tag, None)
        if answer == 412:
            self._inner.response_bytes(*self._failed)
        elif answer == 304:
            kept = [pair for pair in headers if not pair[0].startswith("content-")]
            self._inner.response_empty(304, kept)
        else:
            self._inner.response_bytes(status, headers, body)


def tagged(route: Route, failed: Ready) -> Route:
    """Return *route* with a validator on its answers; *failed* is its 412."""
    from hashlib import blake2b  # it loads OpenSSL: only apps that use it pay for it

    def digest(body: bytes) -> str:
        return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'

    def answer(scope: Any, protocol: Any, segments: Any) -> Any:
        return route(scope, TaggedProtocol(protocol, scope, digest, failed), segments)

    return answer

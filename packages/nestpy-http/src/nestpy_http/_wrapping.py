"""A protocol object around another one, for what changes an answer on its way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

Headers = list[tuple[str, str]]


class PassingProtocol:
    """Passes on what a request carries, and whatever a subclass does not answer itself, to its ``_inner``."""

    __slots__ = ()

    _inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __call__(self) -> bytes:
        body: bytes = await self._inner()
        return body

    def __aiter__(self) -> AsyncIterator[bytes]:
        iterator: AsyncIterator[bytes] = aiter(self._inner)
        return iterator


class WrappedProtocol(PassingProtocol):
    """Passes everything on; a subclass changes the headers of whatever is answered, or learns of a stream."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def headers(self, headers: Headers) -> Headers:
        """Return the headers to send instead."""
        return headers

    def response_empty(self, status: int, headers: Headers) -> None:
        self._inner.response_empty(status, self.headers(headers))

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        self._inner.response_str(status, self.headers(headers), body)

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._inner.response_bytes(status, self.headers(headers), body)

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        self._inner.response_file(status, self.headers(headers), file)

    def response_file_range(self, status: int, headers: Headers, file: str, start: int, end: int) -> None:
        self._inner.response_file_range(status, self.headers(headers), file, start, end)

    def response_stream(self, status: int, headers: Headers) -> Any:
        return self._inner.response_stream(status, self.headers(headers))

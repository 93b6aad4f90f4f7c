"""Compresses answers for clients that accept it: zstd, brotli where installed, gzip."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from nestpy_core import attach_metadata

from ._accept import best_encoding, remembered
from ._bare import refuse_bare
from ._protocol import closed_errors
from ._router import Route
from ._wrapping import WrappedProtocol

__all__ = ("compress",)

F = TypeVar("F", bound=Callable[..., Any])
Headers = list[tuple[str, str]]

MINIMUM = 1024
_TYPES = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/jsonl",
        "application/manifest+json",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "image/svg+xml",
    }
)


def compress(enabled: bool) -> Callable[[F], F]:  # noqa: FBT001  # a decorator that reads as it is spoken
    """Leave one route out of compression: ``@compress(False)``, for instance where a secret stands beside its input."""
    refuse_bare(enabled, "@compress(False)")

    def declare(function: F) -> F:
        attach_metadata(function, "http_compress", value=enabled)
        return function

    return declare


class Compressor(Protocol):
    """One body under compression."""

    def chunk(self, data: bytes) -> bytes:
        """Return everything that *data* adds, so that the client can read it now."""
        ...

    def end(self) -> bytes:
        """Return what completes the body."""
        ...


class _Zlib:
    def __init__(self) -> None:
        self._inner = zlib.compressobj(5, zlib.DEFLATED, 31)

    def chunk(self, data: bytes) -> bytes:
        return self._inner.compress(data) + self._inner.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._inner.flush()


class _Brotli:
    def __init__(self) -> None:
        brotli: Any = importlib.import_module("brotli")
        self._inner = brotli.Compressor(quality=4)

    def chunk(self, data: bytes) -> bytes:
        return bytes(self._inner.process(data) + self._inner.flush())

    def end(self) -> bytes:
        return bytes(self._inner.finish())


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
"""The standard library's module, or the same one for older Pythons."""


class _Zstd:
    def __init__(self) -> None:
        zstd: Any = importlib.import_module(ZSTD)
        self._inner = zstd.ZstdCompressor(level=3)

    def chunk(self, data: bytes) -> bytes:
        return bytes(self._inner.compress(data, mode=self._inner.FLUSH_BLOCK))

    def end(self) -> bytes:
        return bytes(self._inner.flush())


def available() -> dict[str, Callable[[], Compressor]]:
    """Return the codings that this environment has, the preferred first."""
    found: dict[str, Callable[[], Compressor]] = {}
    with contextlib.suppress(ImportError):
        importlib.import_module(ZSTD)
        found["zstd"] = _Zstd
    if importlib.util.find_spec("brotli"):
        found["br"] = _Brotli
    found["gzip"] = _Zlib
    return found


def _eligible(headers: Headers) -> bool:
    """Say whether a body with these headers may be compressed: text of some kind, whole, not yet encoded."""
    kind = ""
    for name, value in headers:
        if name == "content-type":
            kind = value.partition(";")[0].strip().lower()
        elif name in {"content-encoding", "content-range"} or (name == "cache-control" and "no-transform" in value):
            return False
    return kind.startswith("text/") or kind in _TYPES or kind.endswith(("+json", "+xml"))


def _encoded(headers: Headers, coding: str) -> Headers:
    kept = []
    for name, value in headers:
        if name == "etag" and not value.startswith("W/"):
            value = f"W/{value}"  # noqa: PLW2901  # the same entity in other bytes (RFC 9110, section 8.8.3.3)
        if name not in {"content-length", "accept-ranges"}:
            kept.append((name, value))
    return [*kept, ("content-encoding", coding), ("vary", "accept-encoding")]


class CompressedProtocol(WrappedProtocol):
    """Compresses whatever is eligible on its way out."""

    __slots__ = ("_coding", "_make", "stream")

    def __init__(self, inner: Any, coding: str | None, make: Callable[[], Compressor]) -> None:
        super().__init__(inner)
        self._coding = coding
        self._make = make
        self.stream: _CompressedStream | None = None

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        if len(body) >= MINIMUM and _eligible(headers):
            if self._coding is not None:
                compressor = self._make()
                smaller = compressor.chunk(body) + compressor.end()
                self._inner.response_bytes(status, _encoded(headers, self._coding), smaller)
                return
            headers = [*headers, ("vary", "accept-encoding")]
        self._inner.response_bytes(status, headers, body)

    def response_stream(self, status: int, headers: Headers) -> Any:
        if not _eligible(headers):
            return self._inner.response_stream(status, headers)
        if self._coding is None:
            return self._inner.response_stream(status, [*headers, ("vary", "accept-encoding")])
        transport = self._inner.response_stream(status, _encoded(headers, self._coding))
        if transport is None:
            return None
        self.stream = _CompressedStream(transport, self._make())
        return self.stream


class _CompressedStream:
    """A transport whose every chunk can be read when it arrives: nothing waits for the next one."""

    __slots__ = ("_compressor", "_inner")

    def __init__(self, inner: Any, compressor: Compressor) -> None:
        self._inner = inner
        self._compressor = compressor

    async def send_bytes(self, data: bytes) -> None:
        await self._inner.send_bytes(self._compressor.chunk(data))

    async def send_str(self, data: str) -> None:
        await self.send_bytes(data.encode())

    async def end(self) -> None:
        await self._inner.send_bytes(self._compressor.end())


def compressed(route: Route) -> Route:
    """Return *route* with its answers compressed."""
    makers = available()
    offers = tuple(makers)

    choose = remembered(lambda accept: best_encoding(accept, offers))

    async def answer(scope: Any, protocol: Any, segments: Any) -> None:
        accept = scope.headers.get("accept-encoding")
        coding = choose(accept)
        wrapped = CompressedProtocol(protocol, coding, makers[coding or "gzip"])
        await route(scope, wrapped, segments)
        stream, wrapped.stream = wrapped.stream, None
        if stream is not None:
            try:
                await stream.end()
            except closed_errors():
                pass

    return answer

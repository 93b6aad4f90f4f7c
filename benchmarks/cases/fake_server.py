"""An RSGI server reduced to nothing: what remains is the application's own cost of one request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from harness.workloads import Exchange


class FakeHeaders:
    """Request headers with the methods of granian's."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self.get = headers.get

    def get_all(self, name: str) -> list[str]:
        return [self._headers[name]] if name in self._headers else []

    def items(self) -> list[tuple[str, str]]:
        return list(self._headers.items())

    def keys(self) -> list[str]:
        return list(self._headers)

    def values(self) -> list[str]:
        return list(self._headers.values())

    def __contains__(self, name: str) -> bool:
        return name in self._headers

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)


class FakeScope:
    """What granian says of a request."""

    proto = "http"
    http_version = "1.1"
    rsgi_version = "1.6"
    scheme = "http"
    client = "127.0.0.1:50000"
    server = "127.0.0.1:8000"
    authority = None

    def __init__(self, exchange: Exchange) -> None:
        self.method = exchange.method
        self.path, _, self.query_string = exchange.path.partition("?")
        headers = {"host": "127.0.0.1:8000", **{name.lower(): value for name, value in exchange.headers.items()}}
        if exchange.body:
            headers |= {"content-type": "application/json", "content-length": str(len(exchange.body))}
        self.headers = FakeHeaders(headers)


class FakeProtocol:
    """Takes an answer and keeps the last one."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.answer: bytes | str = b""

    async def __call__(self) -> bytes:
        return self._body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers, self.answer = status, headers, b""

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.status, self.headers, self.answer = status, headers, body

    response_bytes = response_str


def request(application: Any, exchange: Exchange) -> Callable[[], None]:
    """A call that lets an RSGI application answer `exchange`, having checked once that it does so rightly."""
    scope, protocol = FakeScope(exchange), FakeProtocol(exchange.body)
    handle: Callable[[Any, Any], Coroutine[Any, Any, None]] = application.__rsgi__

    def call() -> None:
        try:
            handle(scope, protocol).send(None)
        except StopIteration:
            return
        raise RuntimeError(f"{exchange.method} {exchange.path} waited for something")

    call()
    answer = protocol.answer.encode() if isinstance(protocol.answer, str) else protocol.answer
    if protocol.status not in exchange.statuses or exchange.answer not in (None, answer):
        raise RuntimeError(f"{exchange.method} {exchange.path} was answered {protocol.status} {answer[:200]!r}")
    return call

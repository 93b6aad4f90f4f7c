"""A request as instruments of every edge see it; it stands in for its protocol, so that it knows its answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nestpy_core import Call, CallKind

from ._client_address import ForwardedScope, client_ip
from ._gate import CLIENT_GONE
from ._request_shape import METHODS
from ._router import Route
from ._wrapping import PassingProtocol

Headers = list[tuple[str, str]]
Kinds = tuple[Mapping[str, CallKind], CallKind]

LONGEST = 512
"""Characters of a header that a log line holds."""


def route_kinds(method: str, template: str) -> Kinds:
    """Return the kinds of a route's calls, by method, and the one for any other."""
    kind = _kind(method, template)
    return ({method: kind, "HEAD": _kind("HEAD", template)} if method == "GET" else {method: kind}), kind


def unmatched_kinds() -> Kinds:
    """Return the kinds of what no route matched: one for each known method, and one for all others."""
    return {method: _kind(method, "") for method in METHODS}, _kind("_OTHER", "")


def observed(route: Route, kinds: Kinds) -> Route:
    """Return *route*, whose answers something changes on their way out, inside of the call that instruments see."""

    def answer(scope: Any, protocol: Any, segments: Any) -> Any:
        return route(scope, HttpCall(kinds, scope, protocol), segments)

    return answer


def _kind(method: str, template: str) -> CallKind:
    attributes = {"http.request.method": method, **({"http.route": template} if template else {})}
    name = "HTTP" if method == "_OTHER" else method
    return CallKind(
        edge="http",
        name="http.request",
        operation=f"{name} {template}".rstrip(),
        kind="server",
        labels={"method": method, "route": template or "unmatched"},
        outcome="status",
        attributes=attributes,
        outcome_attribute="http.response.status_code",
    )


class HttpCall(Call, PassingProtocol):
    """One request. What a route answers passes through it.

    Attributes:
        status: of the answer; None before it.
        sent: the bytes of the answer's body so far.
    """

    __slots__ = ("_headers", "_inner", "_method", "sent", "status")

    def __init__(self, kinds: Kinds, scope: Any, protocol: Any) -> None:
        self._method = scope.method
        self.kind = kinds[0].get(self._method) or kinds[1]
        self.subject = scope
        self._inner = protocol
        self._headers: Headers | None = None
        self.status: int | None = None
        self.sent = 0

    # -- what instruments ask

    @property
    def call(self) -> HttpCall:
        """This call, for who has another protocol around it."""
        return self

    @property
    def trusted(self) -> bool:  # type: ignore[override]  # it depends on the peer
        """Whether the peer is one of ``http.trusted_proxies``."""
        return self.subject.__class__ is ForwardedScope

    def incoming(self) -> Mapping[str, str]:
        """Return the request's ``traceparent`` and ``tracestate``; one that comes twice is none."""
        headers = self.subject.headers
        if "traceparent" not in headers:
            return {}
        parents = headers.get_all("traceparent")
        if len(parents) != 1:
            return {}
        states = headers.get_all("tracestate")
        return {"traceparent": parents[0], **({"tracestate": ",".join(states)} if states else {})}

    def answer_with(self, headers: Headers) -> None:
        """Put headers on the answer, whatever it will be."""
        self._headers = headers if self._headers is None else [*self._headers, *headers]

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return the status that was sent, as text; 499 where nobody was answered."""
        del error
        return str(self.status or outcome or CLIENT_GONE)

    def failed(self, outcome: str) -> bool:
        """Return whether the status is one of 5xx."""
        return outcome >= "500"

    def fields(self, outcome: str) -> dict[str, Any]:
        """Return what the operation line says of a request; what it does not have is None."""
        scope = self.subject
        headers = scope.headers
        forwarded = headers.get("x-forwarded-for") or headers.get("forwarded")
        agent = headers.get("user-agent")
        return {
            "method": self._method,
            "path": scope.path,
            "route": self.kind.labels["route"],
            "status": int(outcome),
            "bytes": self._bytes(),
            "client_ip": client_ip(scope),
            "forwarded": forwarded[:LONGEST] if forwarded else None,
            "user_agent": agent[:LONGEST] if agent else None,
        }

    def attributes(self) -> Mapping[str, str | int | bool]:
        """Return the attributes of an HTTP server span (OpenTelemetry semantic conventions, HTTP)."""
        scope = self.subject
        agent = scope.headers.get("user-agent")
        return {
            "url.path": scope.path,
            "url.scheme": scope.scheme,
            "http.response.status_code": self.status or CLIENT_GONE,
            "client.address": client_ip(scope),
            "network.protocol.version": scope.http_version,
            **({"user_agent.original": agent[:LONGEST]} if agent else {}),
            **({"http.request.method_original": self._method[:LONGEST]} if self._method not in METHODS else {}),
        }

    def _bytes(self) -> int:
        return 0 if self._method == "HEAD" else self.sent

    # -- what stands in for the protocol

    def _begun(self, status: int, headers: Headers, size: int) -> Headers:
        self.status = status
        self.sent = size
        return headers if self._headers is None else [*headers, *self._headers]

    def response_empty(self, status: int, headers: Headers) -> None:
        self._inner.response_empty(status, self._begun(status, headers, 0))

    def response_str(self, status: int, headers: Headers, body: str) -> None:
        size = len(body) if body.isascii() else len(body.encode())
        self._inner.response_str(status, self._begun(status, headers, size), body)

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._inner.response_bytes(status, self._begun(status, headers, len(body)), body)

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        self._inner.response_file(status, self._begun(status, headers, _size(file)), file)

    def response_file_range(self, status: int, headers: Headers, file: str, start: int, end: int) -> None:
        size = max(0, min(end, _size(file)) - start)
        self._inner.response_file_range(status, self._begun(status, headers, size), file, start, end)

    def response_stream(self, status: int, headers: Headers) -> Any:
        transport = self._inner.response_stream(status, self._begun(status, headers, 0))
        return None if transport is None else _CountedStream(transport, self)


class _CountedStream:
    """A transport that counts what it sends. The call holds none: granian ends a stream when its transport is freed."""

    __slots__ = ("_call", "_inner")

    def __init__(self, inner: Any, call: HttpCall) -> None:
        self._inner = inner
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send_bytes(self, data: bytes) -> None:
        await self._inner.send_bytes(data)
        self._call.sent += len(data)

    async def send_str(self, data: str) -> None:
        await self._inner.send_str(data)
        self._call.sent += len(data.encode())


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:
        return 0

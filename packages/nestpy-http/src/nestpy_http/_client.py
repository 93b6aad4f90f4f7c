"""Asks an app over HTTP without a socket, with the answers that its server would give."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import msgspec

from ._client_body import Content, Files, Params, body_of, items, texts
from ._client_exchange import WINDOW, Exchange
from ._headers import Headers
from ._protocol import (
    Kernel,
    Pairs,
    Scope,
)

if TYPE_CHECKING:
    from ._socket_client import ClientSocket

__all__ = ("ClientResponse", "ClientStream", "HttpClient")

T = TypeVar("T")

HeaderValues = Mapping[str, str] | Iterable[tuple[str, str]]

_QUERY_SAFE = "!$%&'()*+,-./:;=?@[]_~{}|^`\\"
"""What may stand in a query as it is; the rest is percent-encoded, as a browser does."""

_GRACE = 1.0
"""Seconds that a kernel has to notice that its client left a stream; then it is cancelled."""


class ClientResponse:
    """An answer with its whole body.

    Attributes:
        status: from 100 to 599.
        headers: by name in any case; ``get_all`` for repeated ones.
        content: the body.
    """

    __slots__ = ("content", "headers", "status")

    def __init__(self, status: int, headers: Headers, content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def media_type(self) -> str | None:
        """The ``Content-Type`` without its parameters, in lower case; None without one."""
        return media_type_of(self.headers)

    @property
    def text(self) -> str:
        """The body as UTF-8, with U+FFFD for what is none."""
        return self.content.decode(errors="replace")

    def json(self, kind: Any = Any) -> Any:  # any type that msgspec decodes
        """Decode the body as *kind*.

        Raises:
            msgspec.DecodeError: it is no JSON, or does not fit.
        """
        return msgspec.json.decode(self.content, type=kind)

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status} {self.media_type} {len(self.content)} bytes>"


class ClientStream:
    """An answer whose body arrives while the handler runs; iterate over it.

    Attributes:
        status: from 100 to 599.
        headers: by name in any case.
    """

    __slots__ = ("_exchange", "headers", "status")

    def __init__(self, status: int, headers: Headers, exchange: Exchange) -> None:
        self.status = status
        self.headers = headers
        self._exchange = exchange

    @property
    def media_type(self) -> str | None:
        """The ``Content-Type`` without its parameters, in lower case; None without one."""
        return media_type_of(self.headers)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield each chunk as the handler sends it."""
        while (chunk := await self._exchange.next_chunk()) is not None:
            yield chunk

    async def read(self) -> bytes:
        """Return what is still to come."""
        return b"".join([chunk async for chunk in self])


def media_type_of(headers: Headers) -> str | None:
    """Return the ``Content-Type`` without its parameters."""
    stated = headers.get("content-type")
    return None if stated is None else stated.partition(";")[0].strip().lower()


class HttpClient:
    """Calls a kernel as a server would, without a socket.

    What it sends is what a server would pass on: the path percent-decoded, ``Host`` and
    ``Content-Length`` set. What it gives back is what a client would see: no body for HEAD, 204 and 304.

    Args:
        kernel: ``async (scope, protocol)`` in RSGI's shape.
        headers: sent with every request, below those of the request itself.
        host: the ``Host`` header.
        client: the peer's address, ``ip:port``.
        asgi: ``async (scope, receive, send)``, for `websocket`; without it there are no WebSockets.
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        headers: HeaderValues = (),
        host: str = "localhost",
        client: str = "127.0.0.1:50000",
        asgi: Kernel | None = None,
    ) -> None:
        self._kernel = kernel
        self._asgi = asgi
        self._headers = _pairs(headers)
        self._host = host
        self._client = client

    async def get(self, target: str, **options: Any) -> ClientResponse:  # those of `request`
        """Send a GET; *options* are those of `request`."""
        return await self.request("GET", target, **options)

    async def head(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send a HEAD."""
        return await self.request("HEAD", target, **options)

    async def options(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send an OPTIONS."""
        return await self.request("OPTIONS", target, **options)

    async def post(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send a POST."""
        return await self.request("POST", target, **options)

    async def put(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send a PUT."""
        return await self.request("PUT", target, **options)

    async def patch(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send a PATCH."""
        return await self.request("PATCH", target, **options)

    async def delete(self, target: str, **options: Any) -> ClientResponse:  # as above
        """Send a DELETE."""
        return await self.request("DELETE", target, **options)

    async def request(
        self,
        method: str,
        target: str,
        *,
        params: Params | None = None,
        headers: HeaderValues = (),
        json: Any = msgspec.UNSET,  # anything that msgspec encodes
        content: Content | None = None,
        data: Params | None = None,
        files: Files | None = None,
    ) -> ClientResponse:
        """Send a request and return the whole answer.

        Args:
            method: in any case.
            target: the path, percent-encoded or not, with or without a query.
            params: added to the query; a list gives a name several times, None an empty value.
            headers: sent beside the client's own; one with a name of those replaces it.
            json: encoded as the body.
            content: the body itself; an async iterable is sent in chunks without a ``Content-Length``.
            data: encoded as a form; beside *files* its fields come first.
            files: for each field a content, ``(name, content)`` or ``(name, content, media type)``; several under one
                name as pairs. The body is then ``multipart/form-data``.

        Raises:
            TypeError: more than one of *json*, *content* and *data*; *files* beside anything but *data*.
        """
        scope, chunks = self._prepare(method, target, params, headers, json, content, data, files)
        exchange = Exchange(scope.method, chunks, window=None)
        # A task of its own, as on a server: what a request sets in its context reaches neither the next nor the caller.
        await asyncio.create_task(exchange.run(self._kernel, scope))
        answer = exchange.given()
        return ClientResponse(answer.status, Headers(answer.headers), await exchange.rest())

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        target: str,
        *,
        params: Params | None = None,
        headers: HeaderValues = (),
        json: Any = msgspec.UNSET,  # as for `request`
        content: Content | None = None,
        data: Params | None = None,
        files: Files | None = None,
    ) -> AsyncIterator[ClientStream]:
        """Send a request and give its answer as soon as it begins; leaving the block hangs up."""
        scope, chunks = self._prepare(method, target, params, headers, json, content, data, files)
        exchange = Exchange(scope.method, chunks, window=WINDOW)
        task = asyncio.create_task(exchange.run(self._kernel, scope))
        try:
            await exchange.begun.wait()
            if exchange.answer is None:
                await task
            answer = exchange.given()
            yield ClientStream(answer.status, Headers(answer.headers), exchange)
        finally:
            await exchange.hang_up()
            await _ended(task)

    @contextlib.asynccontextmanager
    async def websocket(
        self,
        target: str,
        *,
        subprotocols: Sequence[str] = (),
        params: Params | None = None,
        headers: HeaderValues = (),
    ) -> AsyncIterator[ClientSocket]:
        """Open a WebSocket as a server would hand it to the app; leaving the block closes it.

        Args:
            target: the path, as for `request`.
            subprotocols: offered, in order of preference.
            params: added to the query.
            headers: sent beside the client's own.

        Raises:
            HandshakeError: the app refused it; ``response`` is its answer.
            TypeError: the client was made without ``asgi``.
        """
        from ._socket_client import opened_socket

        if self._asgi is None:
            message = "a client needs `asgi=` to open WebSockets: `HttpClient(app.__rsgi__, asgi=app)`"
            raise TypeError(message)
        path, query = _split(target, params)
        sent = _layered([("host", self._host)], self._headers, _pairs(headers))
        async with opened_socket(self._asgi, path, query, sent, tuple(subprotocols), self._client) as opened:
            yield opened

    def _prepare(  # noqa: PLR0917  # the options of `request`, passed on
        self,
        method: str,
        target: str,
        params: Params | None,
        headers: HeaderValues,
        json: Any,
        content: Content | None,
        data: Params | None,
        files: Files | None,
    ) -> tuple[Scope, AsyncIterator[bytes]]:
        kind, length, chunks = body_of(json, content, data, files)
        implied: Pairs = [("host", self._host)]
        if kind is not None:
            implied.append(("content-type", kind))
        given = _pairs(headers)
        if length is None:
            if all(name != "content-length" for name, _ in given):
                implied.append(("transfer-encoding", "chunked"))
        elif length or method.upper() in ("POST", "PUT", "PATCH"):
            implied.append(("content-length", str(length)))
        sent = _layered(implied, self._headers, given)
        path, query = _split(target, params)
        scope = Scope(
            method.upper(),
            path,
            query,
            Headers.of_request(sent),
            client=self._client,
            server="127.0.0.1:80",
            http_version="1.1",
        )
        return scope, chunks


async def _ended(task: asyncio.Task[None]) -> None:
    """Wait for a kernel whose client hung up, and raise what it raised."""
    await asyncio.wait({task}, timeout=_GRACE)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _pairs(headers: HeaderValues) -> Pairs:
    return [(name.lower(), value) for name, value in items(headers)]


def _layered(*layers: Pairs) -> Pairs:
    found: Pairs = []
    for layer in layers:
        names = {name for name, _ in layer}
        found = [pair for pair in found if pair[0] not in names] + layer
    return found


def _split(target: str, params: Params | None) -> tuple[str, str]:
    """Decode the path as granian does, and join the query's parts, raw."""
    path, _, query = target.partition("#")[0].partition("?")
    added = urlencode(texts(params)) if params is not None else ""
    return unquote(path, errors="replace"), "&".join(part for part in (quote(query, safe=_QUERY_SAFE), added) if part)

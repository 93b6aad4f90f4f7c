"""The test kit's client of the schema: operations without a socket, and events over one that is played."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import msgspec

from nestpy_http import ClientSocket, HttpClient, SocketClosedError

from ._transport_ws import SUBPROTOCOL

__all__ = ("GraphqlResult", "GraphqlTestClient")

_ID = "1"

_encode = msgspec.json.Encoder().encode


class GraphqlResult(msgspec.Struct, frozen=True):
    """A response.

    Attributes:
        data: None where nothing was executed, or a null reached the top.
        errors: as the response holds them.
        status: of HTTP.
    """

    data: Any = None
    errors: list[dict[str, Any]] = []
    status: int = 200

    @property
    def codes(self) -> list[str]:
        """The code of each error."""
        return [str(error.get("extensions", {}).get("code", "")) for error in self.errors]


class GraphqlTestClient:
    """Asks the schema of one app: ``await test_app.graphql("{ users { name } }")``."""

    def __init__(self, http: HttpClient, path: str) -> None:
        self._http = http
        self._path = path

    async def __call__(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> GraphqlResult:
        """Execute an operation.

        Args:
            query: the document.
            variables: by name.
            operation_name: of several in the document.
            headers: of the request.
        """
        body = {"query": query, "variables": variables, "operationName": operation_name}
        answer = await self._http.post(self._path, json=body, headers=dict(headers or {}))
        found = answer.json()
        return GraphqlResult(found.get("data"), found.get("errors", []), answer.status)

    @contextlib.asynccontextmanager
    async def subscribe(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AsyncGenerator[GraphqlResult, None]]:
        """Run an operation over a WebSocket of its own; leaving the block ends it.

        The events end where the subscription does; what refuses it is one result without data.

        Args:
            query: the document.
            variables: by name.
            operation_name: of several in the document.
            headers: of the handshake.
            parameters: sent with ``connection_init``; resolvers find them in `GraphqlRequest.parameters`.

        Raises:
            HandshakeError: the app refused the socket; ``response`` is its answer.
            SocketClosedError: from the events: the app closed the connection, with a code of the protocol.
        """
        payload = {"query": query, "variables": variables, "operationName": operation_name}
        async with self._http.websocket(self._path, subprotocols=[SUBPROTOCOL], headers=dict(headers or {})) as socket:
            await _send(socket, {"type": "connection_init", "payload": parameters or {}})
            await _send(socket, {"type": "subscribe", "id": _ID, "payload": payload})
            async with contextlib.aclosing(_events(socket)) as events:
                yield events
            with contextlib.suppress(SocketClosedError):
                await _send(socket, {"type": "complete", "id": _ID})


async def _send(socket: ClientSocket, message: Mapping[str, Any]) -> None:
    await socket.send(_encode(message).decode())


async def _events(socket: ClientSocket) -> AsyncGenerator[GraphqlResult, None]:
    while True:
        message = msgspec.json.decode(await socket.receive())
        kind, payload = message["type"], message.get("payload")
        if kind == "next":
            yield GraphqlResult(payload.get("data"), payload.get("errors", []))
        elif kind == "error":
            yield GraphqlResult(errors=payload)
            return
        elif kind == "complete":
            return

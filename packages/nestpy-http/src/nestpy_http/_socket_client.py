"""The WebSocket of `HttpClient`: speaks ASGI's events to an app, without a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from ._client import ClientResponse
from ._headers import Headers
from ._protocol import Kernel, Pairs
from .errors import HandshakeError, SocketClosedError

__all__ = ("ClientSocket",)

_WINDOW = 16
"""Messages that the client holds unread before the app's `send` waits, as a connection's buffers would."""

_GRACE = 5.0
"""Seconds that the app has to notice that its client left; then it is cancelled."""

Message = MutableMapping[str, Any]  # the values are what the message's type says


class ClientSocket:
    """A WebSocket that `HttpClient.websocket` opened.

    Attributes:
        subprotocol: what was agreed on; None for nothing.
        headers: of the answer to the handshake.
    """

    def __init__(self) -> None:
        self.subprotocol: str | None = None
        self.headers = Headers([])
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._from_app: asyncio.Queue[Message] = asyncio.Queue(_WINDOW)
        self._closed: SocketClosedError | None = None
        self._left = False
        self._refused: tuple[int, Pairs] | None = None
        self._body = b""

    # -- what a test does

    async def send(self, data: str | bytes) -> None:
        """Send a message.

        Raises:
            SocketClosedError: either side has closed.
        """
        if self._closed is not None:
            raise self._closed
        kind = "text" if isinstance(data, str) else "bytes"
        self._to_app.put_nowait({"type": "websocket.receive", kind: data})

    async def receive(self) -> str | bytes:
        """Return the next message of the app.

        Raises:
            SocketClosedError: either side has closed, and everything before that was received.
        """
        if self._closed is not None and self._from_app.empty():
            raise self._closed
        message = await self._from_app.get()
        if message["type"] == "websocket.close":
            self._closed = SocketClosedError(message.get("code", 1000), message.get("reason") or "")
            raise self._closed
        found: str | bytes = message["text"] if message.get("text") is not None else message["bytes"]
        return found

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; doing it again does nothing."""
        if self._closed is None:
            self._closed = SocketClosedError(code, reason)
        if not self._left:
            self._left = True
            self._to_app.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield each message until either side closes."""
        with contextlib.suppress(SocketClosedError):
            while True:
                yield await self.receive()

    # -- what the app does

    async def run(self, asgi: Kernel, scope: Message) -> None:
        """Run the app to its end."""
        try:
            await asgi(scope, self._to_app.get, self._take)
        except BaseException as error:
            if not self._answered.done():
                self._answered.set_exception(error)
            raise
        finally:
            if not self._answered.done():
                self._answered.set_exception(RuntimeError("the app never answered the handshake"))
            with contextlib.suppress(asyncio.QueueFull):
                self._from_app.put_nowait({"type": "websocket.close", "code": 1006})

    async def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.subprotocol = message.get("subprotocol")
            self.headers = Headers([(name.decode(), value.decode()) for name, value in message.get("headers", ())])
            self._answered.set_result(None)
        elif kind == "websocket.http.response.start":
            self._refused = message["status"], [(name.decode(), value.decode()) for name, value in message["headers"]]
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body") and self._refused is not None:
                self._refuse(*self._refused)
        elif kind == "websocket.close" and not self._answered.done():
            self._refuse(403, [])
        elif self._left:
            raise OSError("the client has gone")
        else:
            await self._from_app.put(message)
            if kind == "websocket.close":
                self._to_app.put_nowait({"type": "websocket.disconnect", "code": message.get("code", 1000)})

    def _refuse(self, status: int, headers: Pairs) -> None:
        self._answered.set_exception(HandshakeError(ClientResponse(status, Headers(headers), self._body)))

    def drop(self) -> None:
        """Forget what nobody will read, so that the app's `send` returns."""
        while not self._from_app.empty():
            self._from_app.get_nowait()

    async def answered(self) -> None:
        """Return once the handshake is accepted.

        Raises:
            HandshakeError: it was not.
        """
        await asyncio.shield(self._answered)


@contextlib.asynccontextmanager
async def opened_socket(  # noqa: PLR0917  # what a handshake says
    asgi: Kernel, path: str, query: str, headers: Pairs, subprotocols: tuple[str, ...], client: str
) -> AsyncIterator[ClientSocket]:
    """Open a WebSocket, and leave when the block ends."""
    host, _, port = client.rpartition(":")
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (host, int(port)),
        "server": ("127.0.0.1", 80),
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }
    opened = ClientSocket()
    task = asyncio.create_task(opened.run(asgi, scope))
    try:
        await opened.answered()
        yield opened
    finally:
        await opened.close()
        await _ended(opened, task)


async def _ended(opened: ClientSocket, task: asyncio.Task[None]) -> None:
    """Read what the app still sends until it has noticed; raise what it raised."""
    deadline = asyncio.get_running_loop().time() + _GRACE
    while not task.done() and asyncio.get_running_loop().time() < deadline:
        opened.drop()
        await asyncio.wait({task}, timeout=0.01)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, HandshakeError):
        raise error

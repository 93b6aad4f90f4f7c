"""One WebSocket as its handler sees it: accept, receive, send, close (RFC 6455)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from ._answer import check_header
from ._context import Request
from .errors import SocketClosedError

__all__ = ("WebSocket",)

CLOSE_WAIT = 2.0
"""Seconds that a close frame may take to be written: a peer that reads nothing is left without one."""
_LONGEST_REASON = 123
_PROTOCOL_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

Message = MutableMapping[str, Any]  # the values are what the message's type says


class WebSocket:
    """A WebSocket between its handshake and its end; the parameter of a `websocket` handler.

    Nothing is sent before `accept`. A handler that raises an `HttpError` before it refuses the handshake with that
    answer, and one that returns or closes without it with 403.

    Attributes:
        request: the handshake: path, query, headers, cookies, client, host.
        subprotocols: what the client offers, in its order of preference.
        subprotocol: what was agreed on; None for nothing.
        accepted: whether `accept` was called.
    """

    __slots__ = (
        "_close_code",
        "_close_reason",
        "_closing",
        "_ended",
        "_limit",
        "_pending",
        "_receive",
        "_send",
        "accepted",
        "request",
        "subprotocol",
        "subprotocols",
    )

    def __init__(
        self,
        request: Request,
        subprotocols: Iterable[str],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        *,
        limit: int,
    ) -> None:
        self.request = request
        self.subprotocols = tuple(subprotocols)
        self.subprotocol: str | None = None
        self.accepted = False
        self._receive = receive
        self._send = send
        self._limit = limit
        self._pending: asyncio.Task[Message] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing: asyncio.Task[None] | None = None
        self._close_code = 1006
        self._close_reason = ""

    # -- what it is

    @property
    def path(self) -> str:
        """The decoded path."""
        return self.request.path

    @property
    def headers(self) -> Any:  # the server's own mapping
        """The headers of the handshake by lower-case name: ``get(name)``, ``get_all(name)``, ``items()``."""
        return self.request.headers

    @property
    def closed(self) -> bool:
        """Whether either side has closed."""
        return self._ended.done()

    @property
    def close_code(self) -> int | None:
        """The code that it was closed with, 1006 where there was none; None while it is open."""
        return self._close_code if self._ended.done() else None

    async def wait_closed(self) -> None:
        """Return when it is closed, from here or, once `receive` has met it, from there."""
        await asyncio.shield(self._ended)

    # -- what it does

    async def accept(self, subprotocol: str | None = None, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer the handshake with 101.

        Args:
            subprotocol: one of those that the client offers; None for none.
            headers: more headers of the answer.

        Raises:
            ValueError: the client does not offer that subprotocol.
            ResponseError: a header is not valid in HTTP.
            SocketClosedError: the client has gone.
            RuntimeError: it was accepted before.
        """
        if self.accepted:
            message = "a WebSocket is accepted once"
            raise RuntimeError(message)
        if subprotocol is not None and subprotocol not in self.subprotocols:
            message = f"the client does not offer the subprotocol `{subprotocol}`"
            raise ValueError(message)
        pairs = [(check_header(name, value).encode(), value.encode()) for name, value in headers]
        self._check_open()
        self.accepted = True
        self.subprotocol = subprotocol
        await self._write({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})

    async def receive(self) -> str | bytes:
        """Return the next message: text or bytes. One task at a time may wait for it.

        Raises:
            SocketClosedError: either side has closed; a message over ``http.max_socket_message_bytes`` closes with
                1009.
            RuntimeError: it was not accepted.
        """
        self._check_talking()
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        await asyncio.wait((self._pending, self._ended), return_when=asyncio.FIRST_COMPLETED)
        self._check_open()
        taken, self._pending = self._pending, None
        try:
            return await self._taken(taken.result())
        except (OSError, RuntimeError) as error:
            if isinstance(error, SocketClosedError):
                raise
            self._end(1006, "")
            raise SocketClosedError(1006) from error

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield each message until either side closes."""
        while True:
            try:
                message = await self.receive()
            except SocketClosedError:
                return
            yield message

    async def send(self, data: str | bytes) -> None:
        """Send one message; returns when there is room for the next.

        Raises:
            SocketClosedError: either side has closed.
            RuntimeError: it was not accepted.
        """
        self._check_talking()
        kind = "text" if isinstance(data, str) else "bytes"
        await self._write({"type": "websocket.send", kind: data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; doing it again does nothing. Before `accept` it refuses the handshake with 403.

        Args:
            code: as RFC 6455, section 7.4 allows it to be sent: 1000, 1001, 1008, 1011, …, or from 3000 to 4999.
            reason: for the peer's log; cut after 123 bytes.

        Raises:
            ValueError: the code is none that may be sent.
        """
        if code not in _PROTOCOL_CODES and not 3000 <= code <= 4999:
            message = f"{code} is no close code that may be sent"
            raise ValueError(message)
        if self._ended.done():
            await self._closed_here()
            return
        shown = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        self._end(code, shown)
        if not self.accepted:
            return
        # A task of its own: closing wakes whoever receives, and that one may cancel whoever closes.
        self._closing = asyncio.create_task(self._write_close(code, shown))
        await self._closed_here()

    # -- inside

    async def _write_close(self, code: int, reason: str) -> None:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):  # nobody is left to tell
            async with asyncio.timeout(CLOSE_WAIT):
                await self._stop_receiving()
                await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _closed_here(self) -> None:
        """Return when a close frame under way is written: a server that is left meanwhile cuts it off."""
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _taken(self, message: Message) -> str | bytes:
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or 1005
            self._end(code, message.get("reason") or "")
            raise SocketClosedError(code, self._close_reason)
        text = message.get("text")
        if text is not None:
            size = len(text)
            if size * 4 > self._limit:  # only then can it matter how the text is written
                size = len(text.encode())
            found: str | bytes = text
        else:
            found = message.get("bytes") or b""
            size = len(found)
        if size > self._limit:
            await self.close(1009, f"messages are at most {self._limit} bytes long")
            self._check_open()
        return found

    async def _write(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            self._end(1006, "")
            raise SocketClosedError(self._close_code, self._close_reason) from error

    def _check_talking(self) -> None:
        self._check_open()
        if not self.accepted:
            message = "a WebSocket is accepted first: `await socket.accept()`"
            raise RuntimeError(message)

    def _check_open(self) -> None:
        if self._ended.done():
            raise SocketClosedError(self._close_code, self._close_reason)

    def _end(self, code: int, reason: str) -> None:
        if not self._ended.done():
            self._close_code, self._close_reason = code, reason
            self._ended.set_result(None)

    async def _stop_receiving(self) -> None:
        """End a `receive` under way: granian writes no close frame while one waits."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()
            await asyncio.wait((pending,))
            if not pending.cancelled():
                pending.exception()

    async def leave(self) -> None:
        """Let go of the server: nothing is received any more."""
        self._end(1006, "")
        await self._closed_here()
        await self._stop_receiving()

"""Serves the WebSockets of an app over ASGI: handshakes as requests, conversations beside them, their end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ._answer import Answers
from ._asgi import Message, Receive, Send, scope_of
from ._context import Request
from ._csrf import is_own
from ._protocol import AnswerRecorder, Kernel, framed
from ._websocket import WebSocket
from .errors import ForbiddenError, HttpError, ServiceUnavailableError, SocketClosedError

if TYPE_CHECKING:
    from ._config import HttpConfig

logger = logging.getLogger("nestpy.http")

GRACE = 5.0
"""Seconds that a handler has to end after its socket was closed under it; then it is cancelled."""
SWITCHING = 101
CONVERSATION = CoroutineType
"""What a compiled handshake leaves when it went well: the handler's coroutine, which runs outside of all layers."""


class Sockets:
    """The open WebSockets of one app: how many there may be, how long they last, how they end with it."""

    def __init__(self, config: HttpConfig, answers: Answers) -> None:
        self._config = config
        self._answers = answers
        self._open: dict[Any, asyncio.Timeout | None] = {}
        self._stopping = False
        self._left: asyncio.Event | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    # -- the handshake

    async def serve(self, kernel: Kernel, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ``websocket`` scope of ASGI."""
        await receive()
        request = scope_of(scope)
        extensions = scope.get("extensions") or {}
        protocol = SocketProtocol(self, send, denies="websocket.http.response" in extensions)
        protocol.socket = WebSocket(
            Request(request, protocol, 0),
            scope.get("subprotocols") or (),
            receive,
            send,
            limit=self._config.max_socket_message_bytes,
        )
        try:
            await kernel(request, protocol)
            await protocol.finish()
        except BaseException:
            await protocol.finish(1011)
            raise
        finally:
            await protocol.socket.leave()

    def admit(self, scope: Any, protocol: Any) -> HttpError | None:
        """Count a handshake in, or return what refuses it: a foreign site, too many of them, an app that ends."""
        if not self._knows(scope):
            return ForbiddenError("Another site may not open this WebSocket")
        if self._stopping or len(self._open) >= self._config.max_sockets:
            return ServiceUnavailableError("Too many WebSockets are open" if not self._stopping else "")
        self._open[protocol.socket] = None
        return None

    def leave(self, protocol: Any) -> None:
        """Count one out."""
        self._open.pop(protocol.socket, None)
        if self._left is not None:
            self._left.set()

    def _knows(self, scope: Any) -> bool:
        """Say whether a browser that shows this origin may open a socket: it sends cookies along, unasked.

        The app's own origin may, and those of CORS: with cookies only where CORS lets them send cookies.
        """
        headers = scope.headers
        if "origin" not in headers:
            return True
        origin = headers.get("origin") or ""
        if is_own(origin, scope, headers):
            return True
        config = self._config
        if "cookie" in headers and not config.cors_credentials:
            return False
        return origin in config.cors_origins or ("*" in config.cors_origins and origin != "null")

    # -- the conversation

    async def talk(self, protocol: Any, conversation: Coroutine[Any, Any, None], label: str) -> int:
        """Run a handler to its end and return the status of its handshake.

        Raises:
            Exception: what the handler raised before it accepted.
        """
        socket: WebSocket = protocol.socket
        timer = asyncio.get_running_loop().call_later(self._config.socket_lifetime, self._expire, socket)
        bound = asyncio.timeout(None)
        try:
            async with bound:
                self._open[socket] = bound
                await conversation
        except SocketClosedError:
            pass
        except Exception as error:
            if not socket.accepted:
                raise
            if isinstance(error, TimeoutError) and bound.expired():
                logger.warning("%s was cancelled: it went on after its socket was closed", label)
            else:
                logger.exception("%s failed", label)
                await socket.close(1011)
        finally:
            timer.cancel()
        if not socket.accepted:
            return self._answers.refuse(protocol, ServiceUnavailableError() if self._stopping else ForbiddenError())
        await socket.close()
        return SWITCHING

    # -- the end

    def _expire(self, socket: WebSocket) -> None:
        task = asyncio.ensure_future(self._end(socket, "connect again"))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, socket: WebSocket, reason: str) -> None:
        bound = self._open.get(socket)
        if bound is not None:
            bound.reschedule(asyncio.get_running_loop().time() + GRACE)
        await socket.close(1001, reason)

    async def end_all(self) -> None:
        """Close every socket with 1001, admit no other, and return when their handlers have ended."""
        self._stopping = True
        self._left = asyncio.Event()
        await asyncio.gather(*(self._end(socket, "the server stops") for socket in list(self._open)))
        while self._open:
            self._left.clear()
            await self._left.wait()

    def reset(self) -> None:
        """Admit sockets again: the app may start another time."""
        self._stopping = False
        self._left = None


class SocketProtocol(AnswerRecorder):
    """RSGI's protocol object of a handshake: what is answered refuses it, and a conversation accepts it.

    Attributes:
        socket: what the handler is given.
    """

    socket: WebSocket

    def __init__(self, sockets: Sockets, send: Send, *, denies: bool) -> None:
        super().__init__()
        self._sockets = sockets
        self._send = send
        self._denies = denies

    async def talk(self, protocol: Any, conversation: Coroutine[Any, Any, None], label: str) -> int:
        """Run the handler; *protocol* is this one or what stands around it."""
        return await self._sockets.talk(protocol, conversation, label)

    async def __call__(self) -> bytes:
        """Return the body of the handshake: none."""
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield nothing: a handshake has no body."""
        nothing: tuple[bytes, ...] = ()
        for chunk in nothing:
            yield chunk

    async def client_disconnect(self) -> None:
        """Return when the socket is closed: nobody reads what a client sends before it is accepted."""
        await self.socket.wait_closed()

    def response_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Refuse with a status alone: what streams is no answer to a handshake."""
        self._record(status, headers, b"")

    async def finish(self, code: int = 1000) -> None:
        """Send what refuses the handshake, or close what was accepted."""
        if self.socket.accepted:
            await self.socket.close(code)
            return
        answer = self.answer
        with contextlib.suppress(OSError, RuntimeError):  # nobody is left to tell
            if answer is None or not self._denies or not isinstance(answer.body, bytes) or answer.status < 300:
                await self._send({"type": "websocket.close", "code": 1008})
                return
            headers, _ = framed("GET", answer)
            pairs = [(name.encode(), value.encode()) for name, value in headers]
            await self._send({"type": "websocket.http.response.start", "status": answer.status, "headers": pairs})
            await self._send({"type": "websocket.http.response.body", "body": answer.body, "more_body": False})


def refusing_sockets(kernel: Kernel) -> Kernel:
    """Return an RSGI kernel that answers WebSockets with 501: RSGI has no subprotocols and no close codes."""

    def answer(scope: Any, protocol: Any) -> Any:
        return kernel(scope, protocol) if scope.proto == "http" else _refuse(protocol)

    return answer


async def _refuse(protocol: Any) -> None:
    protocol.close(501)

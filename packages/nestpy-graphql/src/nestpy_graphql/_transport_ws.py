"""The subprotocol ``graphql-transport-ws``: operations of one client over one WebSocket.

It follows PROTOCOL.md of https://github.com/enisdenjo/graphql-ws, close codes included.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from nestpy_core import Clock, Record
from nestpy_http import SocketClosedError, WebSocket

from ._streams import INTERNAL, Connection, Executor, Operation, OperationRefusedError, OperationRequest

logger = logging.getLogger("nestpy.graphql")

SUBPROTOCOL = "graphql-transport-ws"
GOING_AWAY = 1001
POLICY = 1008
BAD_MESSAGE = 4400
UNAUTHORIZED = 4401
NO_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_INITS = 4429
INTERNAL_ERROR = 4500

TOO_MANY_OPERATIONS: Mapping[str, Any] = {
    "message": "Too many operations run on this connection",
    "extensions": {"code": "TOO_MANY_OPERATIONS"},
}


class SocketLimits(Record, frozen=True, kw_only=True):
    """What one connection may take.

    Attributes:
        init_timeout: seconds until ``connection_init``; then it is closed with 4408.
        operations: that run at once; one more is answered with an error.
        queued_bytes: that wait for a client that does not read them; beyond, it is closed with 1008.
        patience: seconds that an operation leaves to the client, with each event, once a quarter of that waits.
        lifetime: seconds until it is closed with 1001, so that the client connects, and is authorized, again; 0 for
            none.
    """

    init_timeout: float = 10.0
    operations: int = 100
    queued_bytes: int = 1024 * 1024
    patience: float = 0.1
    lifetime: float = 14400.0


class _Incoming(msgspec.Struct):
    type: Literal["connection_init", "ping", "pong", "subscribe", "complete"]
    id: str | None = None
    payload: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Incoming).decode
_encode = msgspec.json.Encoder().encode


class _ClosedError(Exception):
    """The connection ends with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def serve_socket(socket: WebSocket, executor: Executor, clock: Clock, limits: SocketLimits) -> None:
    """Accept a socket and serve it until either side closes; nothing that it began runs on when this returns."""
    if SUBPROTOCOL not in socket.subprotocols:
        await socket.accept()
        await socket.close(NO_SUBPROTOCOL, "Subprotocol not acceptable")
        return
    await socket.accept(SUBPROTOCOL)
    await _Session(socket, executor, clock, limits).run()


class _Session:
    def __init__(self, socket: WebSocket, executor: Executor, clock: Clock, limits: SocketLimits) -> None:
        self._socket = socket
        self._executor = executor
        self._clock = clock
        self._limits = limits
        self._connection: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._outbox = _Outbox(socket, limits)

    async def run(self) -> None:
        """Read until the end, then end everything."""
        beside = [
            asyncio.create_task(each)
            for each in (
                self._outbox.run(),
                self._close_after(self._limits.init_timeout, INIT_TIMEOUT, "Connection initialisation timeout"),
                self._close_after(self._limits.lifetime, GOING_AWAY, "connect again"),
            )
        ]
        self._init_timer = beside[1]
        try:
            async for message in self._socket:
                await self._take(message)
        except _ClosedError as closed:
            await self._socket.close(closed.code, closed.reason)
        except SocketClosedError:
            pass
        except Exception:
            logger.exception("a GraphQL connection failed")
            await self._socket.close(INTERNAL_ERROR, "Internal server error")
        finally:
            await _ended([*self._tasks, *beside])
            await self._outbox.ended()

    async def _close_after(self, seconds: float, code: int, reason: str) -> None:
        if not seconds:
            return
        await self._clock.sleep(seconds)
        await self._socket.close(code, reason)

    # -- what the client says

    async def _take(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            raise _ClosedError(BAD_MESSAGE, "Messages are text")
        try:
            message = _decode(text)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            raise _ClosedError(BAD_MESSAGE, "Invalid message received") from None
        if message.type == "connection_init":
            self._initialise(message)
        elif message.type == "ping":
            pong = {"type": "pong"} if message.payload is None else {"type": "pong", "payload": message.payload}
            self._outbox.put(pong)
        elif message.type == "subscribe":
            self._subscribe(message)
        elif message.type == "complete":
            self._complete(message)
        await asyncio.sleep(0)  # a client that never stops writing leaves others their turn

    def _initialise(self, message: _Incoming) -> None:
        if self._connection is not None:
            raise _ClosedError(TOO_MANY_INITS, "Too many initialisation requests")
        self._init_timer.cancel()
        self._connection = Connection(self._socket.request, message.payload or {})
        self._outbox.put({"type": "connection_ack"})

    def _subscribe(self, message: _Incoming) -> None:
        if self._connection is None:
            raise _ClosedError(UNAUTHORIZED, "Unauthorized")
        name = message.id
        if not name:
            raise _ClosedError(BAD_MESSAGE, "`id` of `subscribe` must be a text that is not empty")
        try:
            request = msgspec.convert(message.payload, OperationRequest)
        except msgspec.ValidationError:
            raise _ClosedError(BAD_MESSAGE, "`payload` of `subscribe` is no operation") from None
        if name in self._running:
            raise _ClosedError(SUBSCRIBER_EXISTS, f"Subscriber for {name} already exists")
        if len(self._tasks) >= self._limits.operations:
            self._outbox.put({"id": name, "type": "error", "payload": [TOO_MANY_OPERATIONS]})
            return
        task = asyncio.create_task(self._run(name, request, self._connection))
        self._running[name] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _complete(self, message: _Incoming) -> None:
        if message.id is None:
            raise _ClosedError(BAD_MESSAGE, "`complete` has no `id`")
        task = self._running.pop(message.id, None)
        if task is not None:
            task.cancel()

    # -- one operation

    async def _run(self, name: str, request: OperationRequest, connection: Connection) -> None:
        try:
            with contextlib.suppress(SocketClosedError):
                self._finish(name, await self._last_word(name, request, connection))
        finally:
            if self._running.get(name) is asyncio.current_task():
                del self._running[name]

    async def _last_word(self, name: str, request: OperationRequest, connection: Connection) -> Mapping[str, Any]:
        """Send every result and return the message that ends the operation."""
        try:
            operation = await self._executor.start(request, connection)
            await self._results(name, operation)
        except OperationRefusedError as refused:
            errors: Sequence[Mapping[str, Any]] = refused.errors
        except SocketClosedError:
            raise
        except Exception:
            logger.exception("a GraphQL operation failed")
            errors = [INTERNAL]
        else:
            return {"id": name, "type": "complete"}
        return {"id": name, "type": "error", "payload": errors}

    async def _results(self, name: str, operation: Operation) -> None:
        try:
            async for result in operation:
                self._outbox.put({"id": name, "type": "next", "payload": result})
                await self._outbox.room()
        finally:
            await operation.aclose()

    def _finish(self, name: str, message: Mapping[str, Any]) -> None:
        """Say the last word of an operation; its name is free before the client can hear that."""
        self._running.pop(name, None)
        self._outbox.put(message)


class _Outbox:
    """The messages that wait for the client, in order, and how many bytes they are."""

    def __init__(self, socket: WebSocket, limits: SocketLimits) -> None:
        self._socket = socket
        self._limits = limits
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._written = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    def put(self, message: Mapping[str, Any]) -> None:
        """Add a message; a client for whom too much waits is closed.

        Raises:
            SocketClosedError: it is closed.
        """
        if self._closing is not None or self._socket.closed:
            raise SocketClosedError(POLICY)
        data = _encode(message)
        if self._bytes and self._bytes + len(data) > self._limits.queued_bytes:
            self._closing = asyncio.create_task(self._socket.close(POLICY, "too slow"))
            raise SocketClosedError(POLICY)
        self._waiting.append(data)
        self._bytes += len(data)
        self._filled.set()

    async def room(self) -> None:
        """Give the client its turn, and a moment more while much waits for it: who keeps up is never closed."""
        await asyncio.sleep(0)
        if self._bytes <= self._limits.queued_bytes // 4:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.patience):
                while self._bytes > self._limits.queued_bytes // 4:
                    self._written.clear()
                    await self._written.wait()

    async def run(self) -> None:
        """Write until the socket is closed."""
        with contextlib.suppress(SocketClosedError):
            while True:
                while self._waiting:
                    data = self._waiting[0]
                    await self._socket.send(data.decode())
                    self._waiting.popleft()
                    self._bytes -= len(data)
                    self._written.set()
                self._filled.clear()
                await self._filled.wait()

    async def ended(self) -> None:
        """Return when the close that `put` began is written."""
        if self._closing is not None:
            await self._closing


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and see them end; one that is cancelled already cleans up in peace."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""Runs the RSGI kernel under an ASGI 3 server, so that handlers are compiled once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from ._headers import Headers
from ._protocol import (
    Answer,
    AnswerRecorder,
    FilePart,
    Kernel,
    ProtocolClosedError,
    ProtocolMisuseError,
    Scope,
    Transport,
    chunks_of,
    framed,
    opened,
)

Message = MutableMapping[str, Any]  # the values are what the message's type says
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


SCHEMES = {"https": "https", "wss": "https"}


async def asgi(
    rsgi_kernel: Kernel,
    scope: Message,
    receive: Receive,
    send: Send,
    cancelled: Callable[[AsgiProtocol], Any] | None = None,
) -> None:
    """Answer one ``http`` scope with the kernel; a ``websocket`` scope of an app without WebSockets is refused.

    An error of the kernel goes on to the server after whatever the kernel had answered; a stream that it
    interrupts stays unfinished, so that the client learns of it. A request that is cancelled before its answer
    is answered by *cancelled*.
    """
    if scope["type"] != "http":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    request = scope_of(scope)
    protocol = AsgiProtocol(request.method, receive, send)
    try:
        await rsgi_kernel(request, protocol)
    except BaseException as error:
        if protocol.stream is not None:
            protocol.stream.leave()
        else:
            if isinstance(error, asyncio.CancelledError) and protocol.answer is None and cancelled is not None:
                cancelled(protocol)
            await protocol.finish()
        raise
    await protocol.finish()


def scope_of(scope: Message) -> Scope:
    """Give an ASGI scope RSGI's names; ``root_path`` is taken off the path."""
    path, root = scope["path"], scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    headers = Headers.of_request((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    version = scope.get("http_version", "1.1")
    return Scope(
        method=scope.get("method", "GET"),
        path=path,
        query_string=scope["query_string"].decode("latin-1"),
        headers=headers,
        scheme=SCHEMES.get(scope.get("scheme", "http"), "http"),
        http_version=version,
        authority=None if version.startswith("1") else headers.get("host"),
        client=_address(scope.get("client")),
        server=_address(scope.get("server")),
    )


def _address(pair: Sequence[Any] | None) -> str:
    if pair is None:
        return ""
    host, port = pair
    if port is None:
        return f"unix:{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Inbox:
    """Receives messages for whoever asks first: the reader of the body or the watcher of the connection."""

    __slots__ = ("_chunks", "_ended", "_gone", "_lock", "_receive", "_taken")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._gone = False
        self._lock = asyncio.Lock()
        self._taken = asyncio.Event()

    async def _next(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone = True
            return
        if body := message.get("body"):
            self._chunks.append(body)
        self._ended = not message.get("more_body", False)

    async def chunk(self) -> bytes | None:
        """Return the next chunk, None after the last.

        Raises:
            ProtocolClosedError: the client has gone before its last chunk.
        """
        while not self._chunks:
            if self._ended:
                return None
            if self._gone:
                raise ProtocolClosedError("the client has gone")
            async with self._lock:
                if not (self._chunks or self._ended or self._gone):
                    await self._next()
        self._taken.set()
        return self._chunks.popleft()

    async def gone(self) -> None:
        """Return when the client has gone; a body that nobody reads is not read ahead, as under granian."""
        while not self._gone:
            if self._chunks:
                self._taken.clear()
                await self._taken.wait()
                continue
            async with self._lock:
                if not (self._chunks or self._gone):
                    await self._next()


class _Stream:
    """The transport of a streamed answer; its start is sent at once, even before the first chunk.

    Most servers swallow what is sent to a client that has gone, so the stream watches the connection.
    """

    __slots__ = ("_protocol", "_start", "_watch")

    def __init__(self, protocol: AsgiProtocol) -> None:
        self._protocol = protocol
        self._start = asyncio.ensure_future(protocol.send_start())
        self._watch = asyncio.ensure_future(protocol.client_disconnect())

    async def send_bytes(self, data: bytes) -> None:
        await self._start
        if self._watch.done():
            raise ProtocolClosedError("the client has gone")
        if self._protocol.sends and data:
            await self._protocol.send_body(data, more=True)

    async def send_str(self, data: str) -> None:
        await self.send_bytes(data.encode())

    async def end(self) -> None:
        self.leave()
        await self._start
        await self._protocol.send_body(b"", more=False)

    def leave(self) -> None:
        """Stop watching the connection."""
        self._watch.cancel()


class AsgiProtocol(AnswerRecorder):
    """RSGI's protocol object over ASGI's ``receive`` and ``send``."""

    __slots__ = ("_inbox", "_method", "_read", "_send", "sends", "stream")

    def __init__(self, method: str, receive: Receive, send: Send) -> None:
        super().__init__()
        self._method = method
        self._send = send
        self._inbox = _Inbox(receive)
        self._read = False
        self.sends = True
        self.stream: _Stream | None = None

    # -- the request's body

    async def __call__(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        if self._read:
            raise ProtocolMisuseError("the body is read once")
        self._read = True
        while (chunk := await self._inbox.chunk()) is not None:
            yield chunk

    async def client_disconnect(self) -> None:
        """Return when the client has gone."""
        await self._inbox.gone()

    # -- the answer

    def response_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> Transport:
        """Begin a streamed answer; it ends with the kernel."""
        self._record(status, headers, None)
        if self.stream is None:
            self.stream = _Stream(self)
        return self.stream

    async def finish(self) -> None:
        """Send the recorded answer, or the end of the streamed one."""
        if self.stream is not None:
            await self.stream.end()
        elif self.answer is not None:
            await self._send_whole(self.answer)

    async def _send_whole(self, answer: Answer) -> None:
        answer, file = await opened(answer)
        self.answer = answer
        await self.send_start()
        if file is not None and isinstance(answer.body, FilePart):
            async for chunk in chunks_of(file, answer.body, wanted=self.sends):
                await self.send_body(chunk, more=True)
        body = answer.body if self.sends and isinstance(answer.body, bytes) else b""
        await self.send_body(body, more=False)

    async def send_start(self) -> None:
        """Send status and headers."""
        assert self.answer is not None  # noqa: S101  # nobody starts before an answer is recorded
        headers, self.sends = framed(self._method, self.answer)
        await self._send(
            {
                "type": "http.response.start",
                "status": self.answer.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers],
            }
        )

    async def send_body(self, data: bytes, *, more: bool) -> None:
        """Send one chunk.

        Raises:
            ProtocolClosedError: the client has gone.
        """
        try:
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except OSError as error:
            raise ProtocolClosedError("the client has gone") from error

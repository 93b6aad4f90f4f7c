"""One request of the client without a socket: what the kernel reads and what it answers, whole or as a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

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

WINDOW = 16
"""Chunks that a stream holds before `send_bytes` waits, as a socket's buffer would."""


class _Stream:
    """Hands the chunks of a streamed answer to the client."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def send_bytes(self, data: bytes) -> None:
        await self._exchange.put(data)

    async def send_str(self, data: str) -> None:
        await self._exchange.put(data.encode())


class Exchange(AnswerRecorder):
    """One request and its answer: the protocol object that the kernel is given."""

    def __init__(self, method: str, body: AsyncIterator[bytes], window: int | None) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self._method = method
        self._body = body
        self._read = False
        self._window = window
        self._chunks: deque[bytes] = deque()
        self._changed = asyncio.Condition()
        self._sends = True
        self._ended = False
        self._error: BaseException | None = None
        self._gone = asyncio.Event()

    async def run(self, kernel: Kernel, scope: Scope) -> None:
        """Run the kernel to its end and hand its answer over."""
        try:
            await kernel(scope, self)
            await self._deliver()
        except ProtocolClosedError:
            if not self._gone.is_set():
                raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._ended = True
            self.begun.set()
            await self._notify()

    async def _deliver(self) -> None:
        answer = self.answer
        if answer is None or answer.body is None:
            return
        answer, file = await opened(answer)
        self._frame(answer)
        if file is not None and isinstance(answer.body, FilePart):
            async for chunk in chunks_of(file, answer.body, wanted=self._sends):
                await self.put(chunk)
        elif isinstance(answer.body, bytes):
            await self.put(answer.body)

    def _frame(self, answer: Answer) -> None:
        headers, self._sends = framed(self._method, answer)
        self.answer = Answer(answer.status, headers, answer.body)
        self.begun.set()

    # -- the kernel's side

    async def __call__(self) -> bytes:
        """Return the whole body of the request."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body of the request as it arrives."""
        if self._read:
            raise ProtocolMisuseError("the body is read once")
        self._read = True
        async for chunk in self._body:
            yield chunk

    async def client_disconnect(self) -> None:
        """Return when the client has hung up."""
        await self._gone.wait()

    def response_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> Transport:
        """Begin a streamed answer; it ends with the kernel."""
        if self.answer is None:
            self._record(status, headers, None)
            self._frame(self.given())
        return _Stream(self)

    async def put(self, data: bytes) -> None:
        """Hand one chunk over, waiting while the client has too many unread ones.

        Raises:
            ProtocolClosedError: the client has hung up.
        """
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            if self._gone.is_set():
                raise ProtocolClosedError("the client has gone")
            if data and self._sends:
                self._chunks.append(data)
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._window is None or len(self._chunks) < self._window or self._gone.is_set()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # -- the client's side

    def given(self) -> Answer:
        """Return the answer; without one it is the empty 500 that granian sends."""
        return self.answer or Answer(500, [("content-length", "0")], b"")

    async def next_chunk(self) -> bytes | None:
        """Return the next chunk, None after the last; raise what the kernel raised."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._chunks or self._ended)
            chunk = self._chunks.popleft() if self._chunks else None
            self._changed.notify_all()
        if chunk is None and self._error is not None:
            raise self._error
        return chunk

    async def rest(self) -> bytes:
        """Return every chunk that was handed over."""
        return b"".join(self._chunks)

    async def hang_up(self) -> None:
        """Leave: sends fail from now on, and whoever waits for it learns of it."""
        self._gone.set()
        await self._notify()

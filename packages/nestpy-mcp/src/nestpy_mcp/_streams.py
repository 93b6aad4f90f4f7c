"""Event streams that a client may lose and take up again, and the channel that writes into one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import count
from typing import Any

from ._protocol import encode
from .errors import ClientCapabilityError

SSE_TYPE = "text/event-stream"
SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
TICK = 1.0
"""Seconds between two looks at whether the app drains."""


class Stream:
    """The messages of one answer, or of a session's own stream: one writer, and readers that begin anywhere."""

    def __init__(self, name: str, kept: int = 1000) -> None:
        self.name = name
        self.done = False
        self.count = 0
        self._events: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._waiting: set[asyncio.Event] = set()
        self._cuts = 0

    def put(self, message: Any) -> None:  # a JSON-RPC message
        """Add a message."""
        self.count += 1
        self._events.append((self.count, encode(message)))
        self._wake()

    def cut(self) -> None:
        """Let go of everybody who reads; they may come back for the rest."""
        self._cuts += 1
        self._wake()

    def end(self) -> None:
        """Say that nothing follows."""
        self.done = True
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def grown(self, seen: int, timeout: float) -> bool:
        """Wait until there is more than *seen*, or the end; False when *timeout* seconds passed before."""
        if self.count > seen or self.done:
            return True
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(event)
        return True

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Yield every message, until nothing follows."""
        seen = 0
        while not (self.done and self.count <= seen):
            await self.grown(seen, TICK)
            for number, data in [event for event in self._events if event[0] > seen]:
                seen = number
                yield data

    async def sse(
        self, seen: int, keep_alive: float, stopping: Callable[[], bool], *, ids: bool, prime: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """Yield what follows *seen* as server-sent events, and comments where nothing does.

        Args:
            seen: the number of the last message that the client has.
            keep_alive: seconds between two comments.
            stopping: says whether the app drains, which ends a stream that waits.
            ids: whether each event says its number, so that the client may come back.
            prime: milliseconds before a client comes back, said at once; 0 for saying nothing.
        """
        if prime:
            yield f"id: {self.name}.{seen}\nretry: {prime}\ndata: \n\n".encode()
        elif self.count <= seen:
            yield b":\n\n"  # the status is sent with the first bytes, and a client waits for that
        idle, cuts = 0.0, self._cuts
        while cuts == self._cuts:
            tick = min(keep_alive, TICK)
            if not await self.grown(seen, tick):
                idle += tick
                if stopping():
                    return
                if idle >= keep_alive:
                    idle = 0.0
                    yield b":\n\n"
                continue
            idle = 0.0
            for number, data in [event for event in self._events if event[0] > seen]:
                seen = number
                name = f"id: {self.name}.{number}\n".encode() if ids else b""
                yield b"event: message\n" + name + b"data: " + data + b"\n\n"
            if self.done and self.count <= seen:
                return


class Live:
    """What one process holds of a session: its streams, what runs, and what the client was asked."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.own = Stream("0", kept)
        self.streams: dict[str, Stream] = {"0": self.own}
        self.running: dict[Any, asyncio.Task[Any]] = {}
        self.pending: dict[str, asyncio.Future[Any]] = {}
        self.questions = count(1)
        self._numbers = 0

    def open(self) -> Stream:
        """Return a new stream; of those that ended the latest few can still be taken up."""
        self._numbers += 1
        stream = self.streams[str(self._numbers)] = Stream(str(self._numbers), self.kept)
        ended = [name for name, one in self.streams.items() if one.done]
        for name in ended[:-16]:
            del self.streams[name]
        return stream

    def answered(self, message: dict[str, Any]) -> bool:
        """Hand a client's answer to whoever waits for it; False where nobody does, here."""
        future = self.pending.pop(str(message["id"]), None)
        if future is None or future.done():
            return False
        if "result" in message:
            future.set_result(message["result"])
        else:
            future.set_exception(ClientCapabilityError("The client refused what it was asked"))
        return True

    async def answer(self, number: str, timeout: float) -> Any:
        """Wait for the client's answer to what it was asked under *number*.

        Raises:
            ClientCapabilityError: the client refused or did not answer in time.
        """
        future = self.pending[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise ClientCapabilityError("The client did not answer in time") from None
        finally:
            self.pending.pop(number, None)

    def cancel(self, number: Any) -> None:  # whatever a client sent as the id of a request
        """Cancel a request, if it runs."""
        task = self.running.get(number) if isinstance(number, str | int) else None
        if task is not None:
            task.cancel()

    def end(self) -> None:
        """Cancel what runs and end the streams."""
        for task in self.running.values():
            task.cancel()
        for future in self.pending.values():
            future.cancel()
        for stream in self.streams.values():
            stream.end()


Elsewhere = Callable[[str, float], Awaitable[dict[str, Any] | None]]
"""Waits so many seconds for the answer to a question, by its number, that another process was given."""


class StreamChannel:
    """Writes to one stream; with a live session it can also ask."""

    def __init__(self, stream: Stream, live: Live | None, timeout: float, elsewhere: Elsewhere | None = None) -> None:
        self.stream = stream
        self._live = live
        self._timeout = timeout
        self._elsewhere = elsewhere

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self.stream.put({"jsonrpc": "2.0", "method": method, "params": params})

    def hang_up(self) -> None:
        """Close the connection of a session's stream."""
        if self._live is not None:
            self.stream.cut()

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and wait for its result.

        Raises:
            ClientCapabilityError: no session leads back, the client refused or did not answer in time.
        """
        if self._live is None:
            raise ClientCapabilityError(
                f"`{method}` cannot be sent: no session leads back from the client.\nHint: write `@mcp(stateful=True)`"
            )
        from secrets import token_urlsafe  # it loads OpenSSL: only servers that ask pay for it

        number = token_urlsafe(16)
        self.stream.put({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        looking = asyncio.create_task(self._look(number, self._live))
        try:
            return await self._live.answer(number, self._timeout)
        finally:
            looking.cancel()

    async def _look(self, number: str, live: Live) -> None:
        """Take the answer that another process was given."""
        if self._elsewhere is not None:
            answer = await self._elsewhere(number, self._timeout)
            if answer is not None:
                live.answered(answer)

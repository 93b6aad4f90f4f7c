"""Server-sent events (WHATWG HTML, section 9.2): values become messages, and an idle stream stays alive."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from ._answer import Headers, ResponseDraft, check_status
from ._protocol import closed_errors
from ._stream import StreamCutError
from .errors import ResponseError

__all__ = ("ServerEvent",)

EVENT_STREAM = "text/event-stream"
EVENT_HEADERS: Headers = [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
GRACE = 0.05
"""Seconds that the first event is waited for, so that a handler that fails at once is an honest error."""

_LINES = re.compile(r"\r\n|\n|\r")


class ServerEvent(msgspec.Struct, frozen=True):
    """One message of an event stream; a value that is none is sent as ``ServerEvent(value)``.

    Attributes:
        data: text as it is, line by line; anything else as JSON.
        event: the type that clients listen to; without one it is ``message``.
        id: what a client that connects again sends as ``Last-Event-ID``; read it with
            ``last_event_id: Header[str | None]``.
        retry: milliseconds that clients wait before they connect again.

    Raises:
        ResponseError: CR or LF in `event` or `id`, NUL in `id`: they would write fields of their own.
    """

    data: Any = ""
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and any(character in value for character in "\r\n\0"):
                raise ResponseError(f"The `{name}` of a server-sent event cannot hold a line break or NUL")

    def encode(self, encode: Callable[[Any], bytes]) -> str:
        """Return the message as it is sent."""
        data = self.data if isinstance(self.data, str) else encode(self.data).decode()
        lines = [f"event: {self.event}"] if self.event else []
        lines += [f"id: {self.id}"] if self.id is not None else []
        lines += [f"retry: {int(self.retry)}"] if self.retry is not None else []
        lines += [f"data: {line}" for line in _LINES.split(data)]
        return "\n".join([*lines, "", ""])


class EventSender:
    """Sends the event streams of one app.

    Args:
        encode: as JSON.
        keep_alive: seconds without an event after which a comment is sent: it is how a client that has gone is noticed.
        lifetime: seconds after which a stream ends.
    """

    def __init__(self, encode: Callable[[Any], bytes], keep_alive: float, lifetime: float) -> None:
        self._encode = encode
        self._keep_alive = keep_alive
        self._lifetime = lifetime

    async def send(
        self,
        protocol: Any,
        events: AsyncGenerator[Any, None],
        status: int,
        headers: Headers,
        draft: ResponseDraft | None = None,
    ) -> int:
        """Send *events* until they end, the client goes or the lifetime is over; then close the generator.

        Returns the status that was sent.

        Raises:
            StreamCutError: the generator failed after the answer had begun.
        """
        stream = _Stream(events, self._encode)
        # A task of its own, because granian's cannot be cancelled; the generator runs in it from begin to end.
        task = asyncio.ensure_future(stream.run())
        try:
            await asyncio.wait({task, stream.first}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not stream.first.done():
                task.result()
            if draft is not None:
                status = draft.status or status
                check_status(status)
                headers = draft.onto(headers)
            transport = protocol.response_stream(status, headers)
            if transport is not None:
                await self._watch(task, stream, transport)
        except closed_errors():
            pass
        finally:
            task.cancel()
            await asyncio.wait({task})
        return status

    async def _watch(self, task: asyncio.Future[None], stream: _Stream, transport: Any) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._lifetime
        await transport.send_str(":\n\n")
        stream.begin(transport)
        while (left := ends - loop.time()) > 0:
            sent = stream.sent
            await asyncio.wait({task}, timeout=min(left, self._keep_alive))
            if task.done():
                _finish(task)
                return
            if sent == stream.sent and left > self._keep_alive:
                await transport.send_str(":\n\n")


class _Stream:
    """Runs one generator, from the transport's arrival on into the answer."""

    def __init__(self, events: AsyncGenerator[Any, None], encode: Callable[[Any], bytes]) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self.sent = 0
        self._transport: asyncio.Future[Any] = loop.create_future()
        self._events = events
        self._encode = encode

    def begin(self, transport: Any) -> None:
        self._transport.set_result(transport)

    async def run(self) -> None:
        try:
            async for value in self._events:
                event = value if isinstance(value, ServerEvent) else ServerEvent(value)
                text = event.encode(self._encode)
                if not self.first.done():
                    self.first.set_result(None)
                transport = await self._transport
                await transport.send_str(text)
                self.sent += 1
        finally:
            await self._events.aclose()


def _finish(task: asyncio.Future[None]) -> None:
    """Raise what a task that is done has failed with."""
    if task.cancelled():
        return
    error = task.exception()
    if error is None or isinstance(error, closed_errors()):
        return
    if isinstance(error, Exception):
        raise StreamCutError(error) from None
    raise error

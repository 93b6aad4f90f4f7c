"""Writes the chunks of an async generator as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from ._answer import ResponseDraft, check_status
from ._protocol import closed_errors


class StreamCutError(RuntimeError):
    """A stream failed after it began; raised to the server, which can only break the connection off.

    Attributes:
        failure: what the handler raised.
    """

    def __init__(self, failure: Exception) -> None:
        super().__init__("the stream was cut: its handler failed")
        self.failure = failure


async def send_stream(
    protocol: Any,
    chunks: AsyncGenerator[str | bytes, None],
    status: int,
    headers: list[tuple[str, str]],
    draft: ResponseDraft | None = None,
) -> int:
    """Send *chunks*; the first is awaited before the status, so that an early failure is still a 500.

    The generator is closed when the client goes away, which is no failure, and at once for HEAD, whose
    protocol opens no stream. Returns the status that was sent.

    Raises:
        StreamCutError: the generator failed after its first chunk.
    """
    try:
        first = await anext(chunks, b"")
        if draft is not None:
            status = draft.status or status
            check_status(status)
            headers = draft.onto(headers)
        await _send_all(protocol.response_stream(status, headers), first, chunks)
    except closed_errors():
        pass
    finally:
        await chunks.aclose()
    return status


async def stepped(items: Generator[Any, None, None], *, blocking: bool) -> AsyncGenerator[Any, None]:
    """Yield the items of a sync generator; a *blocking* one takes each step in a worker thread."""
    end = object()
    try:
        while (item := await asyncio.to_thread(next, items, end) if blocking else next(items, end)) is not end:
            yield item
    finally:
        if blocking:
            await asyncio.to_thread(items.close)
        else:
            items.close()


async def lines(items: AsyncGenerator[Any, None], encode: Callable[[Any], bytes]) -> AsyncGenerator[bytes, None]:
    """Yield each item as a line of JSON."""
    try:
        async for item in items:
            yield encode(item) + b"\n"
    finally:
        await items.aclose()


async def _send_all(transport: Any, first: str | bytes, chunks: AsyncGenerator[str | bytes, None]) -> None:
    if transport is None:
        return
    try:
        await _send(transport, first)
        async for chunk in chunks:
            await _send(transport, chunk)
    except closed_errors():
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the server must hear of it
        raise StreamCutError(error) from None
    finally:
        del transport  # granian ends a stream when its transport is freed, and a traceback would keep it


async def _send(transport: Any, chunk: str | bytes) -> None:
    if isinstance(chunk, str):
        await transport.send_str(chunk)
    elif chunk:
        await transport.send_bytes(chunk)

"""Writes the chunks of an async generator as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from ._protocol import closed_errors


async def send_stream(
    protocol: Any, chunks: AsyncGenerator[str | bytes, None], status: int, headers: list[tuple[str, str]]
) -> None:
    """Send *chunks*; the first is awaited before the status, so that an early failure is still a 500.

    The generator is closed when the client goes away, which is no failure, and at once for HEAD, whose
    protocol opens no stream.
    """
    try:
        first = await anext(chunks, b"")
        transport = protocol.response_stream(status, headers)
        if transport is None:
            return
        await _send(transport, first)
        async for chunk in chunks:
            await _send(transport, chunk)
    except closed_errors():
        return
    finally:
        await chunks.aclose()


async def _send(transport: Any, chunk: str | bytes) -> None:
    if isinstance(chunk, str):
        await transport.send_str(chunk)
    elif chunk:
        await transport.send_bytes(chunk)

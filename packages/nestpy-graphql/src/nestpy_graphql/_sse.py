"""Results as server-sent events: PROTOCOL.md of https://github.com/enisdenjo/graphql-sse, distinct connections mode.

A request whose ``Accept`` names ``text/event-stream`` is answered with one stream for its operation.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec

from nestpy_core import Clock, Record
from nestpy_http import StreamResponse

from ._streams import INTERNAL, Operation, OperationRefusedError

logger = logging.getLogger("nestpy.graphql")

EVENT_STREAM = "text/event-stream"
TICK = 1.0
"""Seconds between two looks at whether the app drains."""
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_COMMENT = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"

_encode = msgspec.json.Encoder().encode


class SseLimits(Record, frozen=True, kw_only=True):
    """What one stream may take.

    Attributes:
        keep_alive: seconds without an event until a comment is sent; a client that has gone is noticed by it.
        lifetime: seconds until it ends, so that the client connects, and is authorized, again; 0 for none.
    """

    keep_alive: float = 15.0
    lifetime: float = 14400.0


def wants_events(accept: str | None) -> bool:
    """Say whether an ``Accept`` header asks for a stream of events by its name, and not with ``q=0``."""
    for offer in (accept or "").lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == EVENT_STREAM:
            weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
            return weight.strip("0.") != ""
    return False


def streamed(
    operation: Operation, clock: Clock, limits: SseLimits, stopping: Callable[[], bool] = bool
) -> StreamResponse:
    """Return the answer that streams the results of an operation.

    Args:
        operation: closed with the stream, and when the client goes.
        clock: which time passes.
        limits: of one stream.
        stopping: says whether the app drains, which ends the stream.
    """
    return StreamResponse(events(operation, clock, limits, stopping), headers=_HEADERS, media_type=EVENT_STREAM)


def _next(result: Mapping[str, Any]) -> bytes:
    return b"event: next\ndata: " + _encode(result) + b"\n\n"


async def events(
    operation: Operation, clock: Clock, limits: SseLimits, stopping: Callable[[], bool] = bool
) -> AsyncGenerator[bytes, None]:
    """Yield the results of an operation as events; the next one is taken when the last was sent.

    One that outlives `SseLimits.lifetime`, or the app, ends without ``complete``, so that the client connects again.
    """
    ready: asyncio.Queue[bytes] = asyncio.Queue(1)
    # A task of its own: a generator that is moved from task to task loses its cancel scopes and its context.
    pump = asyncio.create_task(_pump(operation, ready))
    taking: asyncio.Future[bytes] = asyncio.ensure_future(ready.get())
    ends = clock.monotonic() + (limits.lifetime or math.inf)
    quiet = clock.monotonic() + limits.keep_alive
    tick = _sleeping(clock, limits)
    try:
        yield _COMMENT  # the status is sent with the first bytes, and a client waits for that
        while True:
            await asyncio.wait((taking, tick), return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                event = taking.result()
                yield event
                if event.endswith(_COMPLETE):
                    return
                taking = asyncio.ensure_future(ready.get())
                quiet = clock.monotonic() + limits.keep_alive
            if tick.done():
                if clock.monotonic() >= ends or stopping():
                    return
                if clock.monotonic() >= quiet:
                    quiet = clock.monotonic() + limits.keep_alive
                    yield _COMMENT
                tick = _sleeping(clock, limits)
    finally:
        for task in (pump, taking, tick):
            task.cancel()
        await asyncio.wait((pump, taking, tick))


def _sleeping(clock: Clock, limits: SseLimits) -> asyncio.Task[None]:
    return asyncio.create_task(clock.sleep(min(TICK, limits.keep_alive, limits.lifetime or TICK)))


async def _pump(operation: Operation, ready: asyncio.Queue[bytes]) -> None:
    try:
        async for result in operation:
            await ready.put(_next(result))
        last = _COMPLETE
    except OperationRefusedError as refused_later:
        last = _next({"errors": refused_later.errors}) + _COMPLETE
    except Exception:
        logger.exception("a GraphQL operation failed")
        last = _next({"errors": [INTERNAL]}) + _COMPLETE
    finally:
        await operation.aclose()
    await ready.put(last)

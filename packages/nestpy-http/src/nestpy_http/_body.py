"""Takes a request's body: never more than its limit, never slower than its rate, never encoded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from ._deadlines import ENDED, LIMIT, SEEN, TASK, BodySeconds, Ended
from ._input import check_json
from ._intake import JSON, MSGPACK, Intake
from ._protocol import closed_errors
from .errors import BadRequestError, PayloadTooLargeError, RequestTimeoutError, UnsupportedMediaTypeError

GRACE = 5.0
"""Seconds in which the rate does not count, so that a small body may wait for a slow first packet."""

Entry = list[Any]
"""The request's entry in the table of running requests, whose limit is the body's while it is read."""


async def read_body(
    headers: Any, protocol: Any, limit: int, intake: Intake | None = None, entry: Entry | None = None
) -> bytes:
    """Return the whole body.

    Raises:
        BadRequestError: its length is no number, or given twice over.
        PayloadTooLargeError: it is over *limit*.
        RequestTimeoutError: it comes too slowly.
        UnsupportedMediaTypeError: it is compressed.
    """
    if intake is None or entry is None:
        return b"".join([chunk async for chunk in body_chunks(headers, protocol, limit)])
    check_framing(headers, limit)
    own = entry[LIMIT]
    entry[LIMIT] = patience(0, intake)
    try:
        body = await _watched(protocol, int(headers.get("content-length", -1)), limit, intake, entry)
    except asyncio.CancelledError as error:
        raise unread(error, entry, own) from None
    except closed_errors():
        raise _cut_off() from None
    entry[LIMIT], entry[SEEN] = own, None
    return body


async def _watched(protocol: Any, length: int, limit: int, intake: Intake, entry: Entry) -> bytes:
    """Return the body of a request, whose patience grows with what has come.

    A server's own iterator is not asked for the end of a body whose stated *length* is there: that would take as long
    again as the body. Generators run to their end.
    """
    chunks: list[bytes] = []
    taken = 0
    incoming = aiter(protocol)
    ends = hasattr(incoming, "aclose")
    with contextlib.suppress(StopAsyncIteration):
        while taken != length or ends:
            chunk = await anext(incoming)
            taken += len(chunk)
            if taken > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            entry[LIMIT] = patience(taken, intake)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def body_chunks(
    headers: Any,
    protocol: Any,
    limit: int,
    intake: Intake | None = None,
    entry: Entry | None = None,
    *,
    parks: bool = False,
) -> AsyncIterator[bytes]:
    """Yield the body as it comes; the errors are those of `read_body`.

    With *parks* nothing else happens meanwhile, so that the request takes no place from others.
    """
    seconds = BodySeconds if parks else float
    check_framing(headers, limit)
    if intake is None or entry is None:
        async for chunk in counted(protocol, limit):
            yield chunk
        return
    own = entry[LIMIT]
    taken = 0
    entry[LIMIT] = seconds(patience(taken, intake))
    try:
        async for chunk in counted(protocol, limit):
            taken += len(chunk)
            entry[LIMIT] = seconds(patience(taken, intake))
            yield chunk
    except asyncio.CancelledError as error:
        raise unread(error, entry, own) from None
    # The handler's own deadline begins when its input is complete.
    entry[LIMIT], entry[SEEN] = own, None


async def counted(protocol: Any, limit: int) -> AsyncIterator[bytes]:
    """Yield the chunks of a body up to *limit* bytes.

    Raises:
        PayloadTooLargeError: there are more; nothing further is read.
        BadRequestError: the client left before the end.
    """
    taken = 0
    try:
        async for chunk in protocol:
            taken += len(chunk)
            if taken > limit:
                raise _too_large(limit)
            yield chunk
    except closed_errors():
        raise _cut_off() from None


def _cut_off() -> BadRequestError:
    """Return the 400 of a client that left, or only ended its side: nothing of ours has failed."""
    return BadRequestError("The body is cut off", headers={"connection": "close"})


def _too_large(limit: int) -> PayloadTooLargeError:
    """Return the 413 of a body that nobody reads on: what follows on the connection is no request."""
    return PayloadTooLargeError(f"The body is over {limit} bytes", headers={"connection": "close"})


def check_framing(headers: Any, limit: int) -> None:
    """Refuse what the headers alone decide.

    Raises:
        BadRequestError: both ``Content-Length`` and ``Transfer-Encoding`` are given (RFC 9112, section 6.3).
        PayloadTooLargeError: the stated length is over *limit*.
        UnsupportedMediaTypeError: there is a ``Content-Encoding``.
    """
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaTypeError("The body must not be compressed", headers={"accept-encoding": "identity"})
    length = headers.get("content-length")
    if length is None:
        return
    if "transfer-encoding" in headers:
        raise BadRequestError("Content-Length and Transfer-Encoding exclude each other")
    if not (length.isascii() and length.isdecimal()):
        raise BadRequestError("Content-Length must be a number")
    if len(length) > 18 or int(length) > limit:
        raise _too_large(limit)


def patience(taken: int, intake: Intake) -> BodySeconds:
    """Return after how many seconds a body of which *taken* bytes came, or must come, is too slow."""
    return BodySeconds(min(intake.seconds, max(GRACE, taken / intake.rate) if intake.rate else intake.seconds))


def unread(error: BaseException, entry: Entry, own: float) -> BaseException:
    """Return what a read that failed with *error* means.

    Returns:
        The 408 where the sweeper cancelled it, the 400 where the client left, else *error*.
    """
    if isinstance(error, closed_errors()):
        return _cut_off()
    if not isinstance(error, asyncio.CancelledError) or entry[ENDED] is not Ended.LATE:
        return error
    entry[TASK].uncancel()
    entry[LIMIT], entry[SEEN], entry[ENDED] = own, None, None
    return RequestTimeoutError("The body came too slowly", headers={"connection": "close"})


class Packed(bytes):
    """A body in MessagePack."""


def body_type(headers: Any, consumes: tuple[str, ...]) -> type[bytes]:
    """Return what marks a body of the stated type, on a route that takes more than JSON.

    Raises:
        UnsupportedMediaTypeError: the route does not take it.
    """
    kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind in MSGPACK and kind in consumes:
        return Packed
    if JSON not in consumes:
        raise UnsupportedMediaTypeError(f"The body must be `{consumes[0]}`")
    check_json(headers)
    return bytes


def either(decode: Callable[[bytes], Any], packed: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return what decodes a body in JSON with *decode* and one in MessagePack with *packed*."""
    return lambda body: packed(body) if body.__class__ is Packed else decode(body)


def plain_value(body: bytes) -> Any:
    """Return what a body holds, without any type.

    Raises:
        ValueError: it is not well-formed; RecursionError where it is too deep.
    """
    return msgspec.msgpack.decode(body) if isinstance(body, Packed) else msgspec.json.decode(body)

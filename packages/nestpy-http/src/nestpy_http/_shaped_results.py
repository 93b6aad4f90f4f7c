"""Shapes what a route's result carries — a body, a stream's items — where instruments of the result stand."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import msgspec

from nestpy_core import Handler
from nestpy_core.contracts import EndpointAnswer

from ._answer import Response
from ._events import ServerEvent
from ._file_response import FileResponse
from ._stream_response import StreamResponse

Shape = Callable[[Any, Handler], Any]


def shaped_result(result: Any, shape: Shape, handler: Handler) -> Any:
    """Return *result* with what it carries shaped; bytes and texts that are ready to be sent stay as they are."""
    if isinstance(result, FileResponse | StreamResponse | EndpointAnswer):
        return result
    if isinstance(result, Response):
        return _response(result, shape, handler)
    if hasattr(result, "__anext__"):
        return _async_items(result, shape, handler)
    if hasattr(result, "__next__"):
        return _items(result, shape, handler)
    return shape(result, handler)


def _response(response: Response, shape: Shape, handler: Handler) -> Response:
    if response.body is None or isinstance(response.body, str | bytes | bytearray | memoryview):
        return response
    shown = copy.copy(response)
    shown.body = shape(response.body, handler)
    return shown


async def _async_items(items: AsyncGenerator[Any, None], shape: Shape, handler: Handler) -> AsyncGenerator[Any, None]:
    try:
        async for item in items:
            for shown in _item(item, shape, handler):
                yield shown
    finally:
        await items.aclose()


def _items(items: Generator[Any, None, None], shape: Shape, handler: Handler) -> Generator[Any, None, None]:
    try:
        for item in items:
            yield from _item(item, shape, handler)
    finally:
        items.close()


def _item(item: Any, shape: Shape, handler: Handler) -> list[Any]:
    """Shape one item as a list of one, out of which it may be dropped."""
    if isinstance(item, ServerEvent):
        return [msgspec.structs.replace(item, data=data) for data in shape([item.data], handler)]
    shown: list[Any] = shape([item], handler)
    return shown

"""What decorators and settings make of a route's answers: checked at boot, then stood around its function."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, get_args, get_origin

from nestpy_core import Handler, read_metadata

from ._answer import Answers, Response
from ._config import HttpConfig
from ._negotiation import is_json, is_msgpack
from ._router import Route
from ._schema import Schemas
from .errors import PreconditionFailedError, RouteError

_STREAMS = (AsyncGenerator, AsyncIterator, AsyncIterable, Generator, Iterator, Iterable)


def shaped(function: Route, handler: Handler, config: HttpConfig, answers: Answers) -> Route:
    """Return a compiled route with what its answers pass through; itself where that is nothing."""
    if read_metadata(handler.function, "http_etag", False):
        from ._etag import tagged

        function = tagged(function, answers.ready(answers.problem(PreconditionFailedError())))
    if config.compression and read_metadata(handler.function, "http_compress", True):
        from ._compression import compressed

        function = compressed(function)
    return function


def is_shaped(handler: Handler, config: HttpConfig) -> bool:
    """Say whether `shaped` stands anything around a route."""
    metadata = handler.function
    compresses = config.compression and read_metadata(metadata, "http_compress", True)
    return bool(read_metadata(metadata, "http_etag", False) or compresses)


def is_stream(handler: Handler) -> bool:
    """Say whether a handler is a generator, async or not."""
    return bool(handler.function.__code__.co_flags & (inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR))


def item_of(handler: Handler) -> Any:
    """Return what a generator is annotated to yield; `inspect.Parameter.empty` where it does not say."""
    if isinstance(handler.returns, type):
        return inspect.Parameter.empty
    arguments = get_args(handler.returns) if get_origin(handler.returns) in _STREAMS else ()
    return arguments[0] if arguments else inspect.Parameter.empty


def is_chunk(item: Any) -> bool:
    """Say whether a stream's items are sent as they are, not each as a line of JSON."""
    return item in (str, bytes, Any, object, inspect.Parameter.empty, str | bytes, bytes | str)


def result_problems(
    handler: Handler, method: str, config: HttpConfig, schemas: Schemas, *, events: bool
) -> Iterator[RouteError]:
    """Yield what is wrong with a route's result and with the decorators that shape it."""
    what = f"`{handler.label}`"
    if events and not inspect.isasyncgenfunction(handler.function):
        yield RouteError(f"{what} is an `@sse` route and no async generator.", hints=("`yield` its events",))
    if read_metadata(handler.function, "http_etag", False) and method != "GET":
        yield RouteError(f"{what} has `@etag` and answers {method}.", hints=("`@etag` is for GET",))
    declared: Response | None = read_metadata(handler.function, "http_response")
    host = None if declared is None else declared._host  # noqa: SLF001  # of `redirect`, in this package
    if host is not None and host not in config.redirect_hosts:
        yield RouteError(
            f"{what} redirects to `{host}`, which the app does not list.",
            hints=(f'write `HttpModule.for_root(redirect_hosts=("{host}",))`',),
        )
    yield from _media_problems(handler, what)
    if is_stream(handler) and not events:
        item = item_of(handler)
        problem = None if is_chunk(item) else schemas.check(item, f"What {what} yields")
        if problem is not None:
            yield problem


def _media_problems(handler: Handler, what: str) -> Iterator[RouteError]:
    offers: tuple[str, ...] = read_metadata(handler.function, "http_produces", ())
    if not offers:
        return
    encoded = len(offers) > 1 or any(map(is_msgpack, offers))
    if encoded and (is_stream(handler) or handler.returns in (str, bytes)):
        yield RouteError(
            f"{what} gives text, bytes or a stream, which is not encoded as one of {', '.join(offers)}.",
            hints=("write one media type in `@produces`", "or return an object"),
        )
    unknown = [one for one in offers if encoded and not is_json(one) and not is_msgpack(one)]
    if unknown:
        yield RouteError(
            f"{what} produces `{unknown[0]}` among others, and only JSON and MessagePack can be chosen from.",
            hints=("return a `Response` with its `media_type`",),
        )

"""Tells how a provider is made: plain call, coroutine, generator or context manager."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any, Literal, get_args, get_origin

from ._hints import annotations_of

Style = Literal["plain", "async", "manager", "async manager"]

_WRAPPERS = (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Coroutine,
    Generator,
    Iterator,
    contextlib.AbstractAsyncContextManager,
    contextlib.AbstractContextManager,
)


def style_of(source: Any) -> tuple[Style, Callable[..., Any]]:
    """Return how to call a class or factory, and what to call: generators are wrapped as managers."""
    if isinstance(source, type):
        return "plain", source
    function = inspect.unwrap(source)
    if inspect.isasyncgenfunction(source):
        return "async manager", contextlib.asynccontextmanager(source)
    if inspect.isgeneratorfunction(source):
        return "manager", contextlib.contextmanager(source)
    if function is not source and inspect.isasyncgenfunction(function):
        return "async manager", source
    if function is not source and inspect.isgeneratorfunction(function):
        return "manager", source
    if inspect.iscoroutinefunction(source) or inspect.iscoroutinefunction(getattr(source, "__call__", None)):  # noqa: B004  # the call itself is asked about, not callability
        return "async", source
    return _annotated_style(function), source


def _annotated_style(function: Any) -> Style:
    returned = annotations_of(function).get("return") if inspect.isfunction(function) else None
    text = returned if isinstance(returned, str) else getattr(get_origin(returned), "__name__", "")
    if "AbstractAsyncContextManager" in text:
        return "async manager"
    return "manager" if "AbstractContextManager" in text else "plain"


def made_by(hint: Any) -> type | None:
    """Return the class of what a factory's result annotation says it makes, None when it does not say."""
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin in _WRAPPERS and arguments:
        return made_by(arguments[-1] if origin is Coroutine else arguments[0])
    made = origin or hint
    return made if isinstance(made, type) and made is not inspect.Parameter.empty else None


def needs_cleanup(source: Any) -> bool:
    """Say whether what *source* makes is cleaned up at the end of its scope."""
    return style_of(source)[0] in ("manager", "async manager")

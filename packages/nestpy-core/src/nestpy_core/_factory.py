"""Tells how a provider is made: plain call, coroutine, generator or context manager."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from types import FunctionType
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
    called = _called(source)
    function = inspect.unwrap(called)
    if inspect.isasyncgenfunction(called):
        return "async manager", contextlib.asynccontextmanager(source)
    if inspect.isgeneratorfunction(called):
        return "manager", contextlib.contextmanager(source)
    if function is not called and inspect.isasyncgenfunction(function):
        return "async manager", source
    if function is not called and inspect.isgeneratorfunction(function):
        return "manager", source
    if inspect.iscoroutinefunction(source) or inspect.iscoroutinefunction(called):
        return "async", source
    return _annotated_style(function), source


def _called(source: Any) -> Any:
    """Return the function that a call of *source* ends in: behind partials, or that of an object that is callable."""
    while isinstance(source, functools.partial):
        source = source.func
    return source if inspect.isroutine(source) or isinstance(source, type) else type(source).__call__


def _annotated_style(function: Any) -> Style:
    returned = annotations_of(function).get("return") if inspect.isfunction(function) else None
    text = returned if isinstance(returned, str) else getattr(get_origin(returned), "__name__", "")
    if "AbstractAsyncContextManager" in text:
        return "async manager"
    return "manager" if "AbstractContextManager" in text else "plain"


def is_plain(source: Any) -> bool:
    """Say whether a call of *source* runs, with nothing between, the function whose parameters its signature lists."""
    if isinstance(source, type):
        made: Any = source
        if type(made).__call__ is not type.__call__ or made.__new__ is not object.__new__:
            return False
        return "__signature__" not in vars(made) and is_plain(made.__init__)
    return isinstance(source, FunctionType) and not {"__wrapped__", "__signature__"} & source.__dict__.keys()


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

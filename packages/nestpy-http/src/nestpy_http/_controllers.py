"""The decorators of the HTTP edge: `@controller`, the verbs, status and headers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, dataclass_transform

from nestpy_core import (
    HandlerMarker,
    HostMarker,
    Scope,
    attach_metadata,
    declare_handler,
    declare_host,
    extend_metadata,
)
from nestpy_core.errors import DefinitionError

from ._answer import check_header
from ._bare import refuse_bare
from ._versions import Versions, listed

__all__ = (
    "controller",
    "delete",
    "get",
    "head",
    "header",
    "http_code",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "sse",
    "timeout",
    "version",
    "websocket",
)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

C = TypeVar("C", bound=type)
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class ControllerMarker(HostMarker, frozen=True, kw_only=True):
    """What `@controller` was given.

    Attributes:
        path: put before the path of each route.
        versions: which versions of the app its routes belong to; none for all.
        on: the host that requests must be for; None for any.
    """

    edge: ClassVar[str] = "http"
    word: ClassVar[str] = "@controller"
    path: str
    versions: Versions = ()
    on: str | None = None


class RouteMarker(HandlerMarker, frozen=True, kw_only=True):
    """What a verb was given."""

    edge: ClassVar[str] = "http"
    host_word: ClassVar[str] = "@controller"
    method: str
    path: str

    @property
    def word(self) -> str:  # type: ignore[override]  # each verb has its own
        """The decorator as users write it."""
        return f"@{self.method.lower()}"

    @property
    def safe(self) -> bool:
        """Whether the method only reads."""
        return self.method in SAFE_METHODS


class SseMarker(RouteMarker, frozen=True, kw_only=True):
    """What `@sse` was given: a GET route whose results are events."""

    @property
    def word(self) -> str:  # type: ignore[override]  # as its base
        """The decorator as users write it."""
        return "@sse"


class WebSocketMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@websocket` was given."""

    edge: ClassVar[str] = "http"
    word: ClassVar[str] = "@websocket"
    host_word: ClassVar[str] = "@controller"
    method: ClassVar[str] = "WEBSOCKET"
    path: str

    @property
    def safe(self) -> bool:
        """Whether the handshake only reads: it is a GET request."""
        return True

    @property
    def shows(self) -> bool:
        """Whether callers are shown the result: it has none."""
        return False


@dataclass_transform(kw_only_default=True, eq_default=False)
def controller(
    path: str = "/",
    *,
    version: str | Sequence[str] | None = None,
    host: str | None = None,
    scope: Scope | None = None,
) -> Callable[[C], C]:
    """Make a class a controller: its decorated methods answer HTTP requests below *path*.

    Args:
        path: put before each route's own path; may hold parameters such as ``{org_id}``.
        version: one or several versions, each mounted below ``/v<version>``; the setting ``http.versioning``
            lets requests name them in a header instead.
        host: answers only requests for this host: ``admin.example.com``, or ``*.example.com`` for any below it.
        scope: lifetime of the instance, a singleton by default.
    """
    _check_path("@controller", path)
    versions = _versions("@controller", version)
    on = None if host is None else host.lower()
    return lambda cls: declare_host(cls, ControllerMarker(path=path, versions=versions, on=on), scope)


def _verb(method: str, path: str) -> Callable[[F], F]:
    _check_path(f"@{method.lower()}", path)
    return lambda function: declare_handler(function, RouteMarker(method=method, path=path))


def get(path: str = "/") -> Callable[[F], F]:
    """Answer GET (and so HEAD) at *path*; ``{name}`` stands for one segment."""
    return _verb("GET", path)


def head(path: str = "/") -> Callable[[F], F]:
    """Answer HEAD at *path* by a handler of its own instead of the GET route's."""
    return _verb("HEAD", path)


def post(path: str = "/") -> Callable[[F], F]:
    """Answer POST at *path*; the status is 201 unless `@http_code` says otherwise."""
    return _verb("POST", path)


def put(path: str = "/") -> Callable[[F], F]:
    """Answer PUT at *path*."""
    return _verb("PUT", path)


def patch(path: str = "/") -> Callable[[F], F]:
    """Answer PATCH at *path*."""
    return _verb("PATCH", path)


def delete(path: str = "/") -> Callable[[F], F]:
    """Answer DELETE at *path*."""
    return _verb("DELETE", path)


def options(path: str = "/") -> Callable[[F], F]:
    """Answer OPTIONS at *path* by a handler of its own instead of the ``Allow`` list."""
    return _verb("OPTIONS", path)


def route(path: str = "/", *, methods: Sequence[str] = EVERY_METHOD) -> Callable[[F], F]:
    """Answer each of *methods* at *path* by one handler: all common ones, unless it says which.

    A method may be one that no standard knows, such as ``PURGE``.
    """
    _check_path("@route", path)
    names = [name for name in methods if name.isascii() and name.replace("-", "").isalpha()]
    if isinstance(methods, str) or not names or len(names) != len(methods):
        raise DefinitionError(f'`@route` takes methods, for instance `methods=["GET", "POST"]`, not {methods!r}.')

    def declare(function: F) -> F:
        for name in reversed(names):
            declare_handler(function, RouteMarker(method=name.upper(), path=path))
        return function

    return declare


def version(*versions: str) -> Callable[[F], F]:
    """Narrow a route to some of its controller's versions, or give it versions where the controller has none."""
    refuse_bare(versions and versions[0], '@version("2")')
    given = _versions("@version", versions)

    def declare(function: F) -> F:
        attach_metadata(function, "http_versions", given)
        return function

    return declare


def sse(path: str = "/") -> Callable[[F], F]:
    """Stream server-sent events at *path*: the async generator yields values, or `ServerEvent` to say more.

    An idle stream is sent a comment every ``sse_keep_alive`` seconds and ends after ``sse_lifetime``; the generator is
    closed when the client goes. What a client saw last: ``last_event_id: Header[str | None] = None``.
    """
    _check_path("@sse", path)
    return lambda function: declare_handler(function, SseMarker(method="GET", path=path))


def websocket(path: str = "/") -> Callable[[F], F]:
    """Talk over a WebSocket at *path*: the handler takes a `WebSocket`, accepts it, and talks until it returns.

    Guards, interceptors and pipes run once, for the handshake, and refuse it as they refuse any request; what follows
    `WebSocket.accept` holds no transaction and has no deadline but ``http.socket_lifetime``. Parameters of path, query,
    headers and cookies are those of the handshake.
    """
    _check_path("@websocket", path)

    def declare(function: F) -> F:
        if not inspect.iscoroutinefunction(function):
            raise DefinitionError("`@websocket` decorates methods that are `async def` and yield nothing")
        return declare_handler(function, WebSocketMarker(path=path))

    return declare


def http_code(status: int) -> Callable[[F], F]:
    """Answer with *status*, from 200 to 399, when the handler returns."""
    refuse_bare(status, "@http_code(202)")
    if not 200 <= status <= 399:
        raise DefinitionError(
            f"`@http_code({status})` must be from 200 to 399.\nHint: raise an `HttpError` for a failure"
        )

    def declare(function: F) -> F:
        attach_metadata(function, "http_code", status)
        return function

    return declare


def timeout(seconds: float) -> Callable[[T], T]:
    """Cancel a route, or every route of a controller, after *seconds* and answer 503; 0 for never.

    Without it the setting ``http.request_timeout`` holds. A stream is bounded up to its first byte.
    """
    refuse_bare(seconds, "@timeout(5)")
    if not seconds >= 0:
        raise DefinitionError(f"`@timeout({seconds})` must be a number of seconds, or 0 for none.")

    def declare(target: T) -> T:
        attach_metadata(target, "http_timeout", float(seconds))
        return target

    return declare


def header(name: str, value: str) -> Callable[[F], F]:
    """Add a header to the answer when the handler returns; repeatable.

    Raises:
        ResponseError: the name or the value is not valid in HTTP.
    """
    lowered = check_header(name, value)

    def declare(function: F) -> F:
        extend_metadata(function, "http_headers", ((lowered, value),))
        return function

    return declare


def _versions(word: str, given: str | Sequence[str] | None) -> Versions:
    try:
        return listed(given)
    except ValueError as error:
        raise DefinitionError(
            f"`{word}` was given the version `{error}`.\nHint: use letters, digits, `.`, `-` and `_`"
        ) from None


def _check_path(word: str, path: object) -> None:
    if not isinstance(path, str):
        raise DefinitionError(
            f'`{word}` takes a path, for instance `{word}("/")`.\nHint: write `{word}()` with parentheses'
        )

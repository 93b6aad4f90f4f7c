"""Boots the real graph for a test: overrides, settings, clients, and real sockets when asked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from nestpy_core import App

from ._overrides import Override
from ._ports import free_port
from .errors import TestAppError

if TYPE_CHECKING:
    import httpx

    from nestpy_core import Context, DynamicModule, Provider, Token

__all__ = ("StartApp", "TestApp")

T = TypeVar("T")

HOST = "127.0.0.1"


class TestApp:
    """The real app of a root module, started in the test's own loop.

    ``async with TestApp(AppModule) as app:`` builds the graph with the overrides, starts it without its
    transports and drains it at the end. Every edge's client is an attribute: ``app.http`` with
    nestpy-http. It can be entered again and then starts anew, with nothing left of the run before.

    Args:
        app: a root module, or an `App`, which is rebuilt from its root.
        socket: run the transports too, HTTP on a free port; `url` says where. Others listen where their settings say.
        environ: the variables to read settings from; by default those of the process.
            ``NESTPY_ENV`` is ``test`` unless they say otherwise.
        plugins: plugins beside the installed ones.
        directory: where ``.env`` files and ``nestpy.toml`` lie; by default the working directory.

    Attributes:
        overrides: what stands in for a token, by token.
        url: where HTTP answers, without a slash at the end; None unless it listens, and in an app without HTTP.
    """

    __test__ = False

    def __init__(
        self,
        app: App | type | DynamicModule,
        *,
        socket: bool = False,
        environ: Mapping[str, str] | None = None,
        plugins: Iterable[object] = (),
        directory: Path | None = None,
    ) -> None:
        self.overrides: dict[Any, Provider] = {}
        self.url: str | None = None
        self._root = app.root if isinstance(app, App) else app
        self._socket = socket
        self._environ = environ
        self._settings: dict[str, str] = {}
        self._plugins = tuple(plugins)
        self._directory = directory
        self._stack: contextlib.AsyncExitStack | None = None
        self._app: App | None = None
        self._context: Context | None = None
        self._clients: dict[str, Any] = {}
        self._client: httpx.AsyncClient | None = None

    # -- before the start

    def override_provider(self, token: Any) -> Override:  # a class, a generic alias or a Token
        """Replace what provides *token*; go on with ``use_value``, ``use_class``, ``use_factory`` or ``use_existing``.

        Overrides are applied before anything is compiled: every consumer gets them, and they cost nothing.
        """
        return Override(self, token)

    def with_settings(self, settings: Mapping[str, str]) -> Self:
        """Set variables of the environment for this app alone, for instance ``{"NESTPY_HTTP__PREFIX": "/api"}``."""
        self._settings.update(settings)
        return self

    # -- the start

    async def __aenter__(self) -> Self:
        await self._start(serve=self._socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop(kind, error, trace)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Start with the transports and give the URL that HTTP answers at; drain at the end.

        Raises:
            TestAppError: the app has no HTTP edge.
        """
        await self._start(serve=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_exit(self._stop)
            if self.url is None:
                raise TestAppError(
                    "This app has no HTTP edge, so that no URL answers.\n"
                    "Hint: write `TestApp(…, socket=True)`, which runs whatever transports there are"
                )
            yield self.url

    async def _start(self, *, serve: bool) -> None:
        if self._stack is not None:
            raise TestAppError("This `TestApp` has started already.\nHint: make a second `TestApp` of the same module")
        environ = self._variables(serve=serve)
        async with contextlib.AsyncExitStack() as stack:
            app = self._built(environ)
            listens = serve and any(edge.name == "http" for edge in app.edges)
            if serve and not listens:
                app = self._built(self._variables(serve=False))  # nothing reads where HTTP is to listen
            context = await stack.enter_async_context(app.create_context(serve=serve))
            self._clients = _named(app.plan.plugins.hook.nestpy_client(app=app))
            self._app, self._context = app, context
            self._stack = stack.pop_all()
            self.url = f"http://{HOST}:{environ[_variable(environ, 'PORT')]}" if listens else None

    def _built(self, environ: Mapping[str, str]) -> App:
        return App(
            self._root,
            overrides=self.overrides.values(),
            plugins=self._plugins,
            environ=environ,
            directory=self._directory,
        )

    async def _stop(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._stack = self._stack, None
        self._app = self._context = self._client = self.url = None
        self._clients = {}
        if stack is not None:
            await stack.__aexit__(kind, error, trace)

    def _variables(self, *, serve: bool) -> dict[str, str]:
        environ = dict(os.environ if self._environ is None else self._environ)
        environ.setdefault("NESTPY_ENV", "test")
        environ.update(self._settings)
        if serve:
            environ[_variable(environ, "HOST")] = HOST
            if self._settings.get(_variable(environ, "PORT"), "0") == "0":
                environ[_variable(environ, "PORT")] = str(free_port(HOST))
        return environ

    # -- after the start

    @property
    def app(self) -> App:
        """The running app."""
        return self._started(self._app)

    @property
    def context(self) -> Context:
        """Gives providers; ``context.request()`` opens a request scope."""
        return self._started(self._context)

    @property
    def client(self) -> httpx.AsyncClient:
        """An HTTP client of `url`, over a real socket; it is closed with the app.

        Raises:
            TestAppError: it does not listen.
        """
        if self._client is None:
            if self.url is None or self._stack is None:
                raise TestAppError(
                    "This `TestApp` does not listen to HTTP.\nHint: write `TestApp(…, socket=True)`, or use `http`"
                )
            import httpx

            self._client = httpx.AsyncClient(base_url=self.url)
            self._stack.push_async_callback(self._client.aclose)
        return self._client

    @overload
    async def get(self, token: type[T]) -> T: ...
    @overload
    async def get(self, token: Token[T]) -> T: ...
    @overload
    async def get(self, token: Any) -> Any: ...
    async def get(self, token: Any) -> Any:
        """Return the instance bound to *token*; a list for a multi token.

        Raises:
            NotProvidedError: nothing binds it, or it lives for one request.
        """
        return await self.context.get(token)

    def __getattr__(self, name: str) -> Any:  # a plugin's client
        if name.startswith("_"):
            raise AttributeError(name)
        self._started(self._app)
        if name not in self._clients:
            offered = ", ".join(f"`{known}`" for known in sorted(self._clients)) or "none"
            raise TestAppError(
                f"No plugin offers the client `{name}` for this app; there are: {offered}.\n"
                "Hint: import the module of that edge, such as `HttpModule`, in the root module"
            )
        return self._clients[name]

    @staticmethod
    def _started(value: T | None) -> T:
        if value is None:
            raise TestAppError("This `TestApp` has not started.\nHint: use it inside `async with TestApp(…) as app:`")
        return value


def _named(clients: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, client in clients:
        other = named.setdefault(name, client)
        if other is not client:
            both = " and ".join(sorted(f"`{type(each).__module__}.{type(each).__name__}`" for each in (other, client)))
            raise TestAppError(
                f"Two plugins offer the client `{name}`: {both}.\nHint: uninstall one of them, or give one another name"
            )
    return named


def _variable(environ: Mapping[str, str], setting: str) -> str:
    return f"{environ.get('NESTPY_ENV_PREFIX') or 'NESTPY'}_HTTP__{setting}"


StartApp = Callable[..., Awaitable[TestApp]]
"""What the fixture `start_app` gives: ``await start_app(AppModule)``, with the options of `TestApp`."""

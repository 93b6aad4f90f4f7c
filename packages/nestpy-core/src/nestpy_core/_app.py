"""The application: verified and compiled when made, startable any number of times, an RSGI and ASGI callable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ._collector import freeze_what_stays, paused_collector

with paused_collector():  # most of what an app imports is imported here: collecting meanwhile takes 4 ms
    import asyncio
    import contextlib
    import os
    import signal
    import sys
    import threading
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ._app_config import AppConfig
    from ._boot import Plan, prepare
    from ._container import Context
    from ._graph import Graph
    from ._hooks import Edge, Transport, is_pooled
    from ._module import DynamicModule
    from ._provider import Provider
    from ._second_signal import listening
    from ._serve import Run, event_loop_factory
    from ._settings import Settings
    from ._source import CompiledFunction
    from .errors import ConfigurationError, NestPyError, StartError

if TYPE_CHECKING:
    from ._line import Line

__all__ = ("App",)

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 78

Kernel = Callable[..., Awaitable[None]]


class App:
    """An application, made from its root module.

    The whole graph is verified and every handler compiled here; nothing is constructed and no port is
    bound before the app starts. `run` serves it; so do ``granian --interface rsgi main:app`` and
    ``uvicorn main:app``.

    Attributes:
        root: the root module.
        graph: everything the app consists of.
        edges: what serves it.
    """

    def __init__(
        self,
        root: type | DynamicModule,
        *,
        overrides: Iterable[Provider] = (),
        plugins: Iterable[object] = (),
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Verify and compile.

        Args:
            root: a module class, or the result of its ``for_root(…)``.
            overrides: bindings that replace those of their tokens, for tests.
            plugins: plugins beside the installed ones, for tests.
            environ: the variables to read settings from; by default those of the process.
            directory: where ``.env`` files and ``nestpy.toml`` lie; by default the working directory.

        Raises:
            BootError: everything that is wrong with the app.
        """
        self.root = root
        overrides, plugins = tuple(overrides), tuple(plugins)
        self._given = {"overrides": overrides, "plugins": plugins, "environ": environ, "directory": directory}
        self._rsgi: Kernel | None = None
        self._asgi: Kernel | None = None
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        try:
            with paused_collector():
                settings = Settings.read(environ=environ, directory=directory)
                self._plan = prepare(root, settings, overrides, plugins)
        except NestPyError:
            from ._uncaught import report_when_uncaught

            report_when_uncaught()
            raise

    @property
    def plan(self) -> Plan:
        """The verified and compiled application."""
        return self._plan

    @property
    def graph(self) -> Graph:
        """Everything the app consists of."""
        return self._plan.graph

    @property
    def edges(self) -> tuple[Edge, ...]:
        """What serves the app."""
        return self._plan.edges

    @property
    def functions(self) -> list[CompiledFunction]:
        """Every compiled handler, with its printable source."""
        return self._plan.compiler.functions

    # -- running alone

    def run(self) -> NoReturn:
        """Serve every edge until SIGINT or SIGTERM, drain, and exit the process.

        A transport that wants several processes gets them, and the others share one more: this process then
        starts them, replaces those that die, and drains them. They start as `multiprocessing` is set, and a
        module that calls `run` without a guard is imported by them unharmed. SIGHUP replaces one after the other.

        The exit code is 0 after a drain, 78 for a configuration error, 1 for a failure while starting
        or running, and 128 plus the signal's number after a second signal.
        """
        if _in_new_process():
            return  # type: ignore[misc]  # the import of a main module whose app runs elsewhere
        with paused_collector():
            from ._console import configure_logging, report_failure

            configure_logging(self.graph.sections[AppConfig])
            transports = self._transports()
        freeze_what_stays()
        if not any(is_pooled(transport) for transport in transports):
            sys.exit(self._run_to_end(self._new_run(transports)))
        from ._workers import supervise

        with self._around(supervising=True):
            try:
                code = supervise(self, transports)
            except NestPyError as error:
                report_failure(error)
                code = _exit_code(error)
        sys.exit(code)

    def _work(self, names: tuple[str, ...], shared: Any, line: Line) -> int:  # see `_workers`
        """Serve the transports called *names* as one of the app's processes, and return the exit code."""
        from ._console import configure_logging

        configure_logging(self.graph.sections[AppConfig])
        transports: list[Any] = [transport for transport in self._transports() if transport.name in names]
        if shared is not None:
            for transport in transports:
                transport.adopt(shared)
        return self._run_to_end(self._new_run(transports), line)

    def _run_to_end(self, run: Run, line: Line | None = None) -> int:
        from ._console import report_failure

        with self._around():
            with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
                runner.run(self._serve(run, line))
            if run.failure is None:
                return 0
            if not run.told:
                report_failure(run.failure)
            return _exit_code(run.failure)

    @contextlib.contextmanager
    def _around(self, *, supervising: bool = False) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for found in self._plan.plugins.hook.nestpy_around(graph=self.graph, supervising=supervising):
                if found is not None:
                    stack.enter_context(found)
            yield

    async def _serve(self, run: Run, line: Line | None) -> None:
        loop = asyncio.get_running_loop()

        def drain(delay: float | None = None) -> None:
            self._end_for_certain()
            run.drain(delay)

        signalled = False

        def on_signal(number: int, _: object) -> None:
            nonlocal signalled
            if signalled:
                os._exit(128 + number)
            signalled = True
            self._end_for_certain()

        ending = (signal.SIGINT, signal.SIGTERM) if line is None else (signal.SIGTERM,)
        for number in ending:
            loop.add_signal_handler(number, run.drain)
            # Heard even where the app's own `add_signal_handler` has taken the wakeup descriptor from `listening`.
            signal.signal(number, on_signal)
        with listening(ending, self._end_for_certain):
            if line is None:
                await run()
                return

            def hold(wanted: bool) -> None:  # noqa: FBT001  # what the line says
                change = run.status.hold if wanted else run.status.release
                loop.call_soon_threadsafe(change, "processes of the app die all the time")

            line.watch(lambda delay: loop.call_soon_threadsafe(drain, delay), hold)
            announcing = asyncio.ensure_future(_announce(run, line))
            await run()
            announcing.cancel()

    def _end_for_certain(self) -> None:
        """End the process when even the drain hangs: in a thread that never returns, for instance."""
        config: AppConfig = self.graph.sections[AppConfig]
        timer = threading.Timer(config.shutdown_timeout + 1, os._exit, (EXIT_FAILURE,))
        timer.daemon = True
        timer.start()

    def _new_run(self, transports: list[Transport]) -> Run:
        if self._run is not None and not self._run.finished.is_set():
            raise StartError(
                f"`{self.graph.root.label}` is started already.\n"
                f"Hint: make a second `App` of it to run beside the first"
            )
        self._run = Run(self._plan, transports)
        return self._run

    # -- scripts and tests

    @contextlib.asynccontextmanager
    async def create_context(self, *, serve: bool = False) -> AsyncIterator[Context]:
        """Start the app, give its providers, drain.

        Args:
            serve: run the transports too; they accept calls when the block is entered.

        Raises:
            StartError: a factory, constructor or init hook failed.
        """
        from anyio import CancelScope

        run = self._new_run(self._transports() if serve else [])
        task = asyncio.create_task(self._run_around(run))
        try:
            await run.started.wait()
            await run.serving.wait()
            if run.failure is not None:
                raise run.failure
            self._enter()
            yield Context(run.container)
        finally:
            self._leave()
            run.drain()
            with CancelScope(shield=True):
                await asyncio.shield(task)
        if run.failure is not None:
            raise run.failure

    def _transports(self) -> list[Transport]:
        return [transport for edge in self.edges if (transport := edge.transport()) is not None]

    def _enter(self) -> None:
        self._rsgi = self._kernel("rsgi")
        self._asgi = self._kernel("asgi")

    def _kernel(self, interface: str) -> Kernel | None:
        return next((getattr(edge, interface) for edge in self.edges if hasattr(edge, interface)), None)

    def _leave(self) -> None:
        self._rsgi = self._asgi = None

    # -- under a foreign server

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start with the server's worker; with a running loop the first request waits for the start.

        An edge that cannot do everything over RSGI says so in ``under_rsgi()``.
        """
        for edge in self.edges:
            getattr(edge, "under_rsgi", bool)()
        self._begin(loop)
        if not loop.is_running():
            loop.run_until_complete(self._ensure_started())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drain with the server's worker."""
        self._end()
        if not loop.is_running() and self._task is not None:
            loop.run_until_complete(self._task)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Handle one RSGI request."""
        if self._rsgi is None:
            await self._ensure_started()
        assert self._rsgi is not None  # noqa: S101  # `_ensure_started` sets it or raises
        await self._rsgi(scope, protocol)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one ASGI request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if self._asgi is None:
            await self._ensure_started()
        assert self._asgi is not None  # noqa: S101  # as above
        await self._asgi(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self._ensure_started()
        except Exception as error:  # noqa: BLE001  # the server reports it
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._end()
        if self._task is not None:
            await self._task
        await send({"type": "lifespan.shutdown.complete"})

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        config: AppConfig = self.graph.sections[AppConfig]
        edges = [edge for edge in self.edges if not hasattr(edge, "rsgi")] if config.edges == "all" else []
        run = self._new_run([transport for edge in edges if (transport := edge.transport()) is not None])
        self._task = loop.create_task(self._run_around(run))

    async def _run_around(self, run: Run) -> None:
        try:
            with self._around():
                await run()
        except Exception as error:  # noqa: BLE001  # a plugin's; whoever waits for the run must hear of it
            run.give_up(error)

    async def _ensure_started(self) -> None:
        """Start once, however many requests wait for it: whoever comes first makes the task."""
        if self._task is None or (self._run is not None and self._run.finished.is_set()):
            self._begin(asyncio.get_running_loop())
        run = self._run
        assert run is not None  # noqa: S101  # `_begin` sets it
        await run.started.wait()
        if run.failure is not None:
            raise run.failure
        self._enter()
        if self._rsgi is None:
            raise NestPyError(
                f"`{self.graph.root.label}` answers no requests.\nHint: import `HttpModule` of nestpy-http in it"
            )

    def _end(self) -> None:
        self._leave()
        if self._run is not None:
            self._run.drain()


async def _announce(run: Run, line: Line) -> None:
    await run.serving.wait()
    if not run.finished.is_set():
        line.ready()


def _exit_code(failure: BaseException) -> int:
    return EXIT_CONFIGURATION if isinstance(failure, ConfigurationError) else EXIT_FAILURE


def _in_new_process() -> bool:
    """Return whether a process that was just spawned imports the main module, before it does its own work."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and getattr(multiprocessing.current_process(), "_inheriting", False)

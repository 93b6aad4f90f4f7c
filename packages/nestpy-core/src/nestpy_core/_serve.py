"""Runs one start of an application: build, init hooks, transports, drain, shutdown hooks, clean-up.

It stands on asyncio alone: anyio's backend takes a tenth of what the start of an app takes, and is loaded with the
first thing of the app that wants it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ._app_config import AppConfig
from ._cancellation import RAISED, own_failure
from ._container import Container
from ._lifecycle import STARTING, STOPPING, Phase, hooks_of
from ._names import name_of
from ._status import AppStatus
from .errors import ConfigurationError, StartError, reason_of

if TYPE_CHECKING:
    from ._boot import Plan
    from ._hooks import Transport

__all__ = ("Serving",)

logger = logging.getLogger("nestpy.lifecycle")
boot_logger = logging.getLogger("nestpy.boot")


class Serving:
    """What a transport learns from the app while it serves.

    Attributes:
        draining: set when readiness goes red; calls are still accepted.
        stopping: set when nothing new may be accepted and what runs is to be finished.
    """

    def __init__(self, draining: asyncio.Event, stopping: asyncio.Event, ready: Callable[[], None]) -> None:
        self.draining = draining
        self.stopping = stopping
        self.ready = ready


class Run:
    """One start of a compiled application, owned by one task from start to drain.

    Attributes:
        status: what `AppStatus` gives everybody who injects it.
        told: whether the log says why it failed.
    """

    def __init__(self, plan: Plan, transports: Sequence[Transport] = ()) -> None:
        self.plan = plan
        self.container = Container(plan.graph)
        self.status = AppStatus()
        self.started = asyncio.Event()
        self.serving = asyncio.Event()
        self.finished = asyncio.Event()
        self.draining = asyncio.Event()
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.told = False
        self._drain = asyncio.Event()
        self._delay: float | None = None
        self._transports = list(transports)
        self._unready = len(self._transports)
        self._hosts: list[Any] = []
        self._initialised: list[Any] = []
        self._starting: asyncio.Timeout | None = None
        self._deadline = float("inf")
        self._finish_by = float("inf")
        self._config: AppConfig = plan.graph.sections[AppConfig]
        for binding in plan.graph.bindings_of(AppStatus):
            if binding.kind == "class":
                self.container.instances[binding] = self.status

    @property
    def asked_to_drain(self) -> bool:
        """Whether the drain has been asked for."""
        return self._drain.is_set()

    def drain(self, delay: float | None = None) -> None:
        """Ask for the drain, which gives up a start under way; asking again changes nothing.

        Args:
            delay: seconds to keep serving; by default as the settings say.
        """
        if not self._drain.is_set():
            self._delay = delay
        self._drain.set()
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.reschedule(asyncio.get_running_loop().time())

    async def __call__(self) -> None:
        """Run from start to drain; `failure` holds what ended it, if anything did."""
        try:
            if not await self._started_whole():
                return
            try:
                await self._serve()
            finally:
                self._deadline = min(self._deadline, time.monotonic() + self._config.shutdown_timeout)
                await self._finish()
                await self._shut_down(STOPPING, self._hosts)
                await self._release()
        except Exception as error:  # noqa: BLE001  # whatever a user's code raised is the result of this run
            self.failure = self.failure or error
        except BaseException as error:
            self.failure = self.failure or error
            raise
        finally:
            self._tell_all()

    def give_up(self, error: Exception) -> None:
        """End with *error*, which came from outside of this run."""
        self.failure = self.failure or error
        self._tell_all()

    def _tell_all(self) -> None:
        self.started.set()
        self.serving.set()
        self.finished.set()

    # -- start

    async def _started_whole(self) -> bool:
        """Start; return False where the drain was asked for before that was done."""
        giving_up = asyncio.timeout(None)
        try:
            async with giving_up:
                self._starting = giving_up
                await self._start()
        except TimeoutError:
            if not giving_up.expired():
                raise
            return False
        finally:
            self._starting = None
        return True

    async def _start(self) -> None:
        for notice, level in self.plan.graph.notices.items():
            boot_logger.log(level, notice)
        try:
            await self.container.start()
            self._hosts = self._hooked()
            for function in self.plan.compiler.functions:
                function.bind(self.container)
            for phase in STARTING:
                for host in self._hosts:
                    await self._init(phase, host)
        except BaseException:
            await self._shut_down((Phase.DESTROY,), self._initialised)
            await self._release()
            raise
        self.status.started = True
        self.started.set()

    def _hooked(self) -> list[Any]:
        """Return the instances that have hooks, each once, in the order in which they were built."""
        instances = {id(instance): instance for instance in self.container.instances.values()}
        return [instance for instance in instances.values() if hooks_of(type(instance))]

    async def _init(self, phase: Phase, host: Any) -> None:
        for name in hooks_of(type(host)).get(phase, ()):
            try:
                await _call(getattr(host, name))
            except ConfigurationError:
                raise
            except RAISED as error:
                failure = own_failure(error)
                if failure is None:
                    raise
                raise StartError(
                    f"`{name_of(type(host))}.{name}` failed in `{phase.value}`: {reason_of(failure)}"
                ) from failure
        if phase is Phase.INIT:
            self._initialised.append(host)

    # -- serve and drain

    async def _serve(self) -> None:
        self._check_ready()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._run_transport(transport)) for transport in self._transports]
            limit = group.create_task(self._limit(running))
            await (asyncio.wait(running) if running else self._drain.wait())
            limit.cancel()
        self._turn_red()
        self.stopping.set()

    def _turn_red(self) -> None:
        self.status.draining = True
        self.draining.set()

    async def _run_transport(self, transport: Transport) -> None:
        ready = [False]

        def mark_ready() -> None:
            if not ready[0]:
                ready[0] = True
                self._unready -= 1
                self._check_ready()

        try:
            await transport.serve(Serving(self.draining, self.stopping, mark_ready))
        except RAISED as error:
            failure = own_failure(error)
            if failure is None:
                raise
            from ._console import report_failure

            report_failure(failure, f"transport {transport.name} failed")
            if self.failure is None:
                self.failure, self.told = failure, True
            self.drain()

    def _check_ready(self) -> None:
        if self._unready == 0:
            self.status.serving = True
            self.serving.set()

    async def _limit(self, running: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the drain, and cancel what does not end by itself, and once more what does not end by that."""
        await self._drain.wait()
        self._deadline = time.monotonic() + self._config.shutdown_timeout
        self._turn_red()
        if self.failure is None and self._transports:
            await asyncio.sleep(self._drain_delay())
        self.stopping.set()
        self._finish_by = min(time.monotonic() + self._config.finish_timeout, self._deadline)
        await asyncio.sleep(self._finish_by - time.monotonic())
        logger.warning("work still running after %g s is cancelled", self._config.finish_timeout)
        _cancel(running)
        await asyncio.sleep(_until(self._deadline))
        logger.warning("work still running after %g s is cancelled again", self._config.shutdown_timeout)
        _cancel(running)

    def _drain_delay(self) -> float:
        if self._delay is not None:
            return self._delay
        if self._config.drain_delay is not None:
            return self._config.drain_delay
        return 0.0 if self.plan.graph.settings.environment in ("development", "test") else 5.0

    async def _finish(self) -> None:
        """Let edges that no transport serves finish what they began, before anything that it needs is destroyed."""
        edges: list[Any] = [edge for edge in self.plan.edges if hasattr(edge, "finish")]
        if not edges:
            return
        timeout = self._config.finish_timeout
        limit = min(self._finish_by, self._deadline, time.monotonic() + timeout)
        for edge in edges:
            given = asyncio.timeout(_until(limit))
            try:
                async with given:
                    await edge.finish()
            except RAISED as error:
                if own_failure(error) is None:
                    raise
                if given.expired():
                    logger.warning("what edge %s still runs after %g s is cancelled", edge.name, timeout)
                else:
                    logger.exception("edge %s failed to finish", edge.name)

    # -- shutdown

    async def _shut_down(self, phases: Sequence[Phase], hosts: Sequence[Any]) -> None:
        for phase in phases:
            for host in reversed(hosts):
                for name in reversed(hooks_of(type(host)).get(phase, ())):
                    await self._stop_hook(phase, host, name)

    async def _stop_hook(self, phase: Phase, host: Any, name: str) -> None:
        label = f"{name_of(type(host))}.{name}"
        given = min(self._config.hook_timeout, _until(self._deadline))
        limit = asyncio.timeout(given)
        try:
            async with limit:
                await _call(getattr(host, name))
        except RAISED as error:
            if own_failure(error) is None:
                raise
            if limit.expired():
                logger.error("%s did not end within %.3g s in %s", label, given, phase.value)  # noqa: TRY400  # no traceback: the time is the message
            else:
                logger.exception("%s failed in %s", label, phase.value)

    async def _release(self) -> None:
        for function in self.plan.compiler.functions:
            function.release()
        left = min(self._config.shutdown_timeout, _until(self._deadline))
        try:
            await self.container.close(asyncio.get_running_loop().time() + left)
        except Exception:
            logger.exception("the providers' clean-up failed")


def _until(moment: float) -> float:
    """Return the seconds until *moment*; a tenth where it has passed, so that what comes late gets a chance."""
    return max(0.1, moment - time.monotonic())


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _call(hook: Callable[[], Any]) -> None:
    result = hook()
    if inspect.isawaitable(result):
        await result


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where it is installed, else None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

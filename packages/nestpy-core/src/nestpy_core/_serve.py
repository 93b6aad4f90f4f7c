"""Runs one start of an application: build, init hooks, transports, drain, shutdown hooks, clean-up."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from ._app_config import AppConfig
from ._container import Container
from ._lifecycle import STARTING, STOPPING, Phase, hooks_of
from ._names import name_of
from ._status import AppStatus
from .errors import ConfigurationError, StartError

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

    def __init__(self, draining: anyio.Event, stopping: anyio.Event, ready: Callable[[], None]) -> None:
        self.draining = draining
        self.stopping = stopping
        self.ready = ready


class Run:
    """One start of a compiled application, owned by one task from start to drain.

    Attributes:
        status: what `AppStatus` gives everybody who injects it.
    """

    def __init__(self, plan: Plan, transports: Sequence[Transport] = ()) -> None:
        self.plan = plan
        self.container = Container(plan.graph)
        self.status = AppStatus()
        self.started = anyio.Event()
        self.serving = anyio.Event()
        self.finished = anyio.Event()
        self.draining = anyio.Event()
        self.stopping = anyio.Event()
        self.failure: BaseException | None = None
        self._drain = anyio.Event()
        self._delay: float | None = None
        self._transports = list(transports)
        self._unready = len(self._transports)
        self._hosts: list[Any] = []
        self._initialised: list[Any] = []
        self._starting: anyio.CancelScope | None = None
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
        if self._starting is not None and not self.started.is_set():
            self._starting.cancel()

    async def __call__(self) -> None:
        """Run from start to drain; `failure` holds what ended it, if anything did."""
        try:
            with anyio.CancelScope() as self._starting:
                await self._start()
            if self._starting.cancelled_caught:
                return
            try:
                await self._serve()
            finally:
                self._deadline = min(self._deadline, time.monotonic() + self._config.shutdown_timeout)
                with anyio.CancelScope(shield=True):
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
            with anyio.CancelScope(shield=True):
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
            except Exception as error:
                raise StartError(
                    f"`{name_of(type(host))}.{name}` failed in `{phase.value}`: {type(error).__name__}: {error}"
                ) from error
        if phase is Phase.INIT:
            self._initialised.append(host)

    # -- serve and drain

    async def _serve(self) -> None:
        self._check_ready()
        async with anyio.create_task_group() as group:
            group.start_soon(self._wait_for_drain, group.cancel_scope)
            async with anyio.create_task_group() as transports:
                for transport in self._transports:
                    transports.start_soon(self._run_transport, transport)
                if not self._transports:
                    await self._drain.wait()
            group.cancel_scope.cancel()
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
        except Exception as error:
            logger.exception("transport %s failed", transport.name)
            self.failure = self.failure or error
            self.drain()

    def _check_ready(self) -> None:
        if self._unready == 0:
            self.status.serving = True
            self.serving.set()

    async def _wait_for_drain(self, scope: anyio.CancelScope) -> None:
        await self._drain.wait()
        self._deadline = time.monotonic() + self._config.shutdown_timeout
        self._turn_red()
        if self.failure is None and self._transports:
            await anyio.sleep(self._drain_delay())
        self.stopping.set()
        self._finish_by = min(time.monotonic() + self._config.finish_timeout, self._deadline)
        await anyio.sleep(max(0.0, self._finish_by - time.monotonic()))
        logger.warning("work still running after %g s is cancelled", self._config.finish_timeout)
        scope.cancel()

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
            try:
                with anyio.fail_after(max(0.1, limit - time.monotonic())):
                    await edge.finish()
            except TimeoutError:
                logger.warning(
                    "what edge %s still runs after %g s is cancelled", edge.name, self._config.finish_timeout
                )
            except Exception:
                logger.exception("edge %s failed to finish", edge.name)

    # -- shutdown

    async def _shut_down(self, phases: Sequence[Phase], hosts: Sequence[Any]) -> None:
        for phase in phases:
            for host in reversed(hosts):
                for name in reversed(hooks_of(type(host)).get(phase, ())):
                    await self._stop_hook(phase, host, name)

    async def _stop_hook(self, phase: Phase, host: Any, name: str) -> None:
        label = f"{name_of(type(host))}.{name}"
        try:
            with anyio.fail_after(self._left()):
                await _call(getattr(host, name))
        except TimeoutError:
            logger.error("%s did not end within %g s in %s", label, self._config.hook_timeout, phase.value)  # noqa: TRY400  # no traceback: the time is the message
        except Exception:
            logger.exception("%s failed in %s", label, phase.value)

    def _left(self) -> float:
        return max(0.1, min(self._config.hook_timeout, self._deadline - time.monotonic()))

    async def _release(self) -> None:
        for function in self.plan.compiler.functions:
            function.release()
        try:
            with anyio.fail_after(max(0.1, min(self._config.shutdown_timeout, self._deadline - time.monotonic()))):
                await self.container.close()
        except TimeoutError:
            logger.error("the providers' clean-up did not end in time")  # noqa: TRY400  # as above
        except Exception:
            logger.exception("the providers' clean-up failed")


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

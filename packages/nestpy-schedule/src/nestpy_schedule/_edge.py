"""The schedule edge: compiles ticks, and offers the transport that runs them."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import anyio

from nestpy_core import (
    CompiledFunction,
    Compiler,
    ConfigurationError,
    EdgeEntry,
    Graph,
    Handler,
    HandlerError,
    Problem,
    Serving,
)

from ._condition import ConditionEntry
from ._config import ScheduleConfig, url_of
from ._entry import Entry
from ._occurrences import MemoryOccurrences
from ._scheduled import TriggerMarker
from ._schedules import Schedules
from ._tick_code import TickCode, stray_parameters
from ._trigger import ConditionTrigger
from .errors import ExpressionError

if TYPE_CHECKING:
    from ._rocketry import Conditions

__all__ = ("ScheduleEdge",)

_RELEASE = 3.0

logger = logging.getLogger("nestpy.schedule")


class ScheduleEdge:
    """Compiles the methods of `@scheduled` classes."""

    name = "schedule"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._handlers: list[tuple[str, Handler, TriggerMarker]] = []
        self._functions: list[CompiledFunction] = []
        self._parts: CompiledFunction | None = None
        self._problems: list[Problem] = []
        for handler, _, marker in graph.handlers_of("schedule"):
            if isinstance(marker, TriggerMarker):
                self._take(handler, marker)
        config: ScheduleConfig = graph.sections[ScheduleConfig]
        try:
            url_of(config)
        except ConfigurationError as error:
            self._problems.append(error)
        if config.url is not None and importlib.util.find_spec("redis") is None:
            hint = "pip install nestpy-schedule[redis]"
            rule = "needs the package redis, which is not installed"
            self._problems.append(ConfigurationError("schedule.url", rule, hints=(hint,)))
        self._check_conditions()

    def _take(self, handler: Handler, marker: TriggerMarker) -> None:
        alike = sum(one is handler for _, one, _ in self._handlers)
        name = marker.name or (f"{handler.label}#{alike + 1}" if alike else handler.label)
        earlier = next((one.label for known, one, _ in self._handlers if known == name), None)
        if earlier is not None:
            text = f"`{earlier}` and `{handler.label}` are both schedules called `{name}`."
            self._problems.append(HandlerError(text, hints=("give one of them another `name=`",)))
        for parameter in stray_parameters(handler):
            text = f"`{handler.label}` needs `{parameter.name}`, and nothing gives a tick arguments."
            hint = "annotate it `Tick` or `Inject[…]`, or give it a default"
            self._problems.append(HandlerError(text, hints=(hint,)))
        self._handlers.append((name, handler, marker))

    def _check_conditions(self) -> None:
        asking = [one for one in self._handlers if isinstance(one[2].trigger, ConditionTrigger)]
        if not asking:
            return
        if any(importlib.util.find_spec(package) is None for package in ("rocketry", "pydantic")):
            for _, handler, _ in asking:
                text = f"`{handler.label}` is a schedule of `@rocketry`, and the package rocketry is not installed."
                self._problems.append(HandlerError(text, hints=("pip install nestpy-schedule[rocketry]",)))
            return
        self._conditions(time.time)

    def _conditions(self, now: Callable[[], float]) -> Conditions:
        from ._rocketry import Conditions

        found = Conditions([name for name, _, _ in self._handlers], now)
        for name, handler, marker in self._handlers:
            if isinstance(marker.trigger, ConditionTrigger):
                try:
                    found.add(name, marker.trigger.expression, marker.trigger.zone)
                except ExpressionError as error:
                    self._problems.append(HandlerError(f"`{handler.label}`: {error}."))
        return found

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with the schedules."""
        return self._problems

    def entries(self) -> Iterable[EdgeEntry]:
        """Return each schedule with its handler."""
        return [EdgeEntry(f"{marker.trigger}", handler) for _, handler, marker in self._handlers]

    def compile(self, compiler: Compiler) -> None:
        """Compile each tick, and what hands the transport the schedules at every start."""
        for name, handler, marker in self._handlers:
            self._functions.append(compiler.handler(handler, marker, TickCode(handler, name)))
        self._parts = compiler.providers("schedule parts", Schedules)

    def transport(self) -> ScheduleEdge | None:
        """Return what runs the schedules, where this process is to."""
        config: ScheduleConfig = self.graph.sections[ScheduleConfig]
        return self if config.run else None

    def _entries(self, schedules: Schedules) -> Iterable[Entry]:
        asking = any(isinstance(marker.trigger, ConditionTrigger) for _, _, marker in self._handlers)
        conditions = self._conditions(lambda: schedules.clock.now().timestamp()) if asking else None
        for (name, _, marker), function in zip(self._handlers, self._functions, strict=True):
            call = function.function if conditions is None else conditions.watched(name, function.function)
            if conditions is not None and isinstance(marker.trigger, ConditionTrigger):
                yield ConditionEntry(name, marker.trigger, marker.policy, call, conditions)
            else:
                yield Entry(name, marker.trigger, marker.policy, call, marker.key)

    def _warn_alone(self, schedules: Schedules) -> None:
        wanting = [name for name, _, marker in self._handlers if marker.key is not None or marker.policy.recover]
        if wanting and isinstance(schedules.store, MemoryOccurrences):
            logger.warning(
                "%s: `once_per_fleet` and `recover` want what processes share, and there is neither `REDIS_URL` nor a "
                "database: this process runs them as if it were alone",
                ", ".join(wanting),
            )

    async def serve(self, serving: Serving) -> None:
        """Run what is due until the app stops; then finish what runs."""
        assert self._parts is not None  # noqa: S101  # compiled before anything serves
        (schedules,) = self._parts.function()
        schedules.leave()
        for entry in self._entries(schedules):
            schedules.enter(entry)
        try:
            async with anyio.create_task_group() as running:
                running.start_soon(schedules.run)
                logger.info("runs %s", ", ".join(name for name, _, _ in self._handlers) or "what is added")
                self._warn_alone(schedules)
                serving.ready()
                await serving.stopping.wait()
                running.cancel_scope.cancel()
            await schedules.finish()
        finally:
            schedules.cancel()
            with anyio.CancelScope(shield=True), anyio.move_on_after(_RELEASE):
                await schedules.finish()

"""Writes what is the schedule's own of one compiled handler."""

from __future__ import annotations

from typing import Any

from nestpy_core import CallKind, Handler, Parameter, Source, log_denial

from ._tick import Tick, TickCall, TickContext
from .errors import ScheduleError


def stray_parameters(handler: Handler) -> list[Parameter]:
    """Return the parameters that nothing gives a value."""
    return [one for one in handler.parameters if one.inject is None and one.required and not _is_given(one)]


def _is_given(parameter: Parameter) -> bool:
    return parameter.plain_hint in (Tick, TickContext) or parameter.context_reader is not None


class TickCode:
    """The schedule's part of one handler: ``handle(tick)`` leaves what it raised in ``tick.error``."""

    signature = "tick"
    subject = "tick"

    def __init__(self, handler: Handler, name: str) -> None:
        self.handler = handler
        self.name = name
        self.filename = f"nestpy:schedule {name}"
        self.wants_context = any(
            one.plain_hint is TickContext or one.context_reader is not None for one in handler.parameters
        )

    def call(self, out: Source) -> str:
        """Write what tells instruments of the tick."""
        kind = CallKind(edge="schedule", name="schedule.tick", operation=self.name, labels={"schedule": self.name})
        made = out.fresh("call")
        out.line(f"{made} = {out.constant(TickCall, 'TickCall')}({out.constant(kind, 'kind')}, tick)")
        return made

    def context(self, out: Source) -> str:
        """Return what builds a `TickContext`."""
        return f"{out.constant(TickContext, 'TickContext')}({out.constant(self.handler, 'handler')}, tick=tick)"

    def carrier(self, token: type, out: Source) -> str:
        """Return the tick itself."""
        del token, out
        return "tick"

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Return the expression of each argument."""
        del pipes
        found = {}
        for parameter in self.handler.parameters:
            if parameter.inject is None:
                found[parameter.name] = self._argument(parameter, out)
        return found

    def _argument(self, parameter: Parameter, out: Source) -> str:
        if parameter.plain_hint is Tick:
            return "tick"
        if parameter.plain_hint is TickContext:
            return "context"
        reader = parameter.context_reader
        if reader is None:
            return out.constant(parameter.default, f"default_{parameter.name}")
        return reader.emit(out, parameter.name)

    def refusal(self, out: Source) -> str:
        """Return what makes a refusal the tick's failure."""
        return f"{out.constant(refused, 'refused')}(tick, verdict, {self.handler.label!r})"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what instruments read; nobody waits for the result."""
        del plain, context
        out.line("outcome = 'ok' if tick.error is None else 'error'" if observed else "return")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write where the exception goes."""
        if observed:
            out.line("outcome = 'error'")
        out.line("tick.error = error")


def refused(tick: Tick, verdict: object, label: str) -> None:
    """Leave the refusal of a guard as the tick's failure."""
    if isinstance(verdict, Exception):
        tick.error = verdict
    else:
        denial = log_denial(verdict, label)
        tick.error = ScheduleError(f"refused: {denial.detail or denial.kind.value}")

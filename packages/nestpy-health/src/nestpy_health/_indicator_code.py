"""Writes the health part of each compiled indicator: what it returns stands, what it raises goes on."""

from __future__ import annotations

from typing import Any, ClassVar

from nestpy_core import Call, CallKind, ExecutionContext, Handler, Source

from .errors import IndicatorRefusedError

__all__ = ("HealthContext",)


class HealthContext(ExecutionContext, eq=False):
    """What layers know of one run of an indicator."""

    edge: ClassVar[str] = "health"


class IndicatorCode:
    """What the health edge writes of one indicator; the function is called with its `Check`."""

    signature = "check"
    subject = "check"
    wants_context = False

    def __init__(self, handler: Handler, probe: str) -> None:
        self._handler = handler
        self._probe = probe
        self.name = f"{probe} {handler.label}"
        self.filename = f"nestpy:health {self.name}"

    def call(self, out: Source) -> str:
        """Write what tells instruments of this run."""
        kind = CallKind(
            edge="health",
            name="health.indicator",
            operation=self.name,
            labels={"probe": self._probe, "indicator": self._handler.label},
            level="debug",
        )
        made = out.fresh("call")
        out.line(f"{made} = {out.constant(Call, 'Call')}({out.constant(kind, 'kind')}, check)")
        return made

    def context(self, out: Source) -> str:
        """Build the `HealthContext`."""
        return f"{out.constant(HealthContext, 'HealthContext')}({out.constant(self._handler, 'handler')})"

    def carrier(self, token: type, out: Source) -> str:
        """Give nothing: this edge carries its context alone."""
        raise NotImplementedError

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write nothing: indicators take only what is injected."""
        del out, pipes
        return {}

    def refusal(self, out: Source) -> str:
        """Turn a guard's verdict into a result that is not healthy."""
        return f"{out.constant(refused, 'refused')}(verdict)"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the return."""
        del plain, context
        if observed:
            out.line("outcome = 'ok'")
        out.line("return result")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Let the probe see the exception."""
        if observed:
            out.line("outcome = 'error'")
        out.line("raise")


def refused(verdict: object) -> object:
    """Raise for a guard's verdict."""
    raise IndicatorRefusedError("A guard refused to run the indicator") from (
        verdict if isinstance(verdict, Exception) else None
    )

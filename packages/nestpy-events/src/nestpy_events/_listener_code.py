"""Writes the events part of each compiled listener: ``handle(event, name)`` returns what it raised, or None."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from nestpy_core import (
    Call,
    CallKind,
    Handler,
    Parameter,
    Source,
    acting_as,
    current_actor,
    log_denial,
)

from ._context import EventContext
from ._listeners import ListenerMarker
from ._names import EventName

logger = logging.getLogger("nestpy.events")


def event_parameters(handler: Handler) -> list[Parameter]:
    """Return the parameters that take the event."""
    return [
        each
        for each in handler.parameters
        if each.inject is None and each.context_reader is None and each.plain_hint not in (EventContext, EventName)
    ]


class ListenerCode:
    """The events part of one handler."""

    signature = "event, name"
    subject = "event"

    def __init__(self, handler: Handler, marker: ListenerMarker) -> None:
        self._handler = handler
        self._marker = marker
        self.name = f"{marker.label} {handler.label}"
        self.filename = f"nestpy:events {self.name}"
        self.wants_context = any(
            each.plain_hint is EventContext or each.context_reader is not None for each in handler.parameters
        )

    def call(self, out: Source) -> str:
        """Write what tells instruments of this call."""
        labels = {"event": self._marker.label, "listener": self._handler.label}
        kind = CallKind(edge="events", name="events.dispatch", operation=self.name, labels=labels)
        made = out.fresh("call")
        out.line(f"{made} = {out.constant(Call, 'Call')}({out.constant(kind, 'kind')}, event)")
        return made

    @contextlib.contextmanager
    def around(self, out: Source, *, observed: bool) -> Iterator[None]:
        """Keep who acts for the emitter, where a layer might say otherwise for this call."""
        del observed
        if any(self._handler.layers.get(family) for family in ("guards", "interceptors")):
            actor = f"{out.constant(current_actor, 'current_actor')}()"
            with out.block(f"with {out.constant(acting_as, 'acting_as')}({actor}):"):
                yield
        else:
            yield

    def context(self, out: Source) -> str:
        """Build the `EventContext`."""
        build = out.constant(EventContext, "EventContext")
        return f"{build}({out.constant(self._handler, 'handler')}, None, event, name)"

    def carrier(self, token: type, out: Source) -> str:
        """Give nothing: this edge carries its context alone."""
        raise NotImplementedError

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Give the event, its name, its context and what is read from that."""
        return {each.name: self._argument(each, out, pipes) for each in self._handler.parameters if each.inject is None}

    def _argument(self, parameter: Parameter, out: Source, pipes: Any) -> str:
        if parameter.plain_hint is EventContext:
            return "context"
        if parameter.plain_hint is EventName:
            return "name"
        reader = parameter.context_reader
        if reader is None and not pipes.any_for(parameter):
            return "event"
        if reader is None:
            variable = out.fresh(parameter.name)
            out.line(f"{variable} = event")
        else:
            variable = reader.emit(out, parameter.name)
        pipes.apply(variable, parameter)
        return variable

    def refusal(self, out: Source) -> str:
        """Leave the listener out for a guard's verdict."""
        return f"{out.constant(self._refuse, 'refuse')}(verdict)"

    def _refuse(self, verdict: object) -> None:
        if isinstance(verdict, Exception):
            raise verdict
        log_denial(verdict, self._handler.label)

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Say that nothing went wrong; what a listener returns nobody takes."""
        del plain, context
        if observed:
            out.line("outcome = 'ok'")
        out.line("return None")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Return the exception, so that the next listener runs."""
        if observed:
            out.line("outcome = 'error'")
        out.line(f"return {out.constant(self._fail, 'fail')}(error)")

    def _fail(self, error: Exception) -> Exception:
        logger.error("%s failed on %s", self._handler.label, self._marker.label, exc_info=error)
        return error

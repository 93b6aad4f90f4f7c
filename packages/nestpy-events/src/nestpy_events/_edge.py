"""The events edge: reads, verifies and compiles the listeners of a graph; the bus calls them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any, Union, get_args, get_origin

from nestpy_core import (
    Carrier,
    Compiler,
    EdgeEntry,
    Graph,
    Handler,
    HandlerError,
    Parameter,
    Problem,
    Transport,
    name_of,
    provide,
)

from ._context import EventContext
from ._listener_code import ListenerCode, event_parameters
from ._listeners import ListenerMarker
from ._names import EventName, matcher
from ._table import Listener, ListenerTable


def contributions() -> list[Any]:
    """Return what joins the graph of an app with `EventsModule`: a table of its own, and the context of calls."""
    return [provide(ListenerTable, use_value=ListenerTable()), Carrier(EventContext, ("events",))]


class EventsEdge:
    """Everything events of one app.

    Attributes:
        table: its listeners.
    """

    name = "events"

    def __init__(self, graph: Graph) -> None:
        self.table: ListenerTable = graph.bindings_of(ListenerTable)[0].source
        found = graph.handlers_of("events")
        self._listeners = [(handler, mark) for handler, _, mark in found if isinstance(mark, ListenerMarker)]

    # -- verify

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with the signatures of listeners."""
        for handler, marker in self._listeners:
            yield from _problems(handler, marker)

    def entries(self) -> Iterable[EdgeEntry]:
        """List the listeners for ``nestpy routes``."""
        return [EdgeEntry(_shown(marker), handler) for handler, marker in self._listeners]

    # -- compile

    def compile(self, compiler: Compiler) -> None:
        """Compile every listener."""
        for number, (handler, marker) in enumerate(self._listeners):
            code = ListenerCode(handler, marker)
            named = isinstance(marker.event, str)
            host = handler.host.source
            self.table.add(
                Listener(
                    event=None if named else marker.event,
                    pattern=matcher(marker.event) if named else None,
                    priority=marker.priority,
                    background=marker.background,
                    position=(f"{host.__module__}.{host.__qualname__}", number),
                    call=compiler.handler(handler, marker, code).function,
                )
            )

    # -- serve

    def transport(self) -> Transport | None:
        """Return None: events come from inside."""
        return None

    async def finish(self) -> None:
        """Wait for what was published."""
        if self.table.bus is not None:
            await self.table.bus.finish()


def _shown(marker: ListenerMarker) -> str:
    return f"{marker.label} in background" if marker.background else marker.label


def _problems(handler: Handler, marker: ListenerMarker) -> Iterator[HandlerError]:
    takes = [each for each in event_parameters(handler) if each.required]
    if len(takes) > 1:
        yield HandlerError(
            f"`{handler.label}` listens to `{marker.label}` and takes `{takes[0].name}` and `{takes[1].name}`; "
            "a listener takes the event alone.",
            hints=(f"write `{takes[1].name}: Inject[…]`, or inject it as a field of its class",),
        )
        return
    for parameter in takes:
        if isinstance(marker.event, type) and not _accepts(parameter, marker.event):
            yield HandlerError(
                f"`{handler.label}` listens to `{marker.label}` and takes `{parameter.name}: "
                f"{name_of(parameter.plain_hint)}`, which that is not.",
                hints=(f"write `{parameter.name}: {marker.label}`",),
            )
    if isinstance(marker.event, type) and any(each.plain_hint is EventName for each in handler.parameters):
        yield HandlerError(
            f"`{handler.label}` listens to the class `{marker.label}`, whose events have no name, "
            "and takes an `EventName`.",
            hints=("remove that parameter",),
        )


def _accepts(parameter: Parameter, event: type) -> bool:
    """Say whether a parameter may take events of a class, as far as its annotation tells."""
    hint = parameter.plain_hint
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if inspect.Parameter.empty in choices or not all(_is_nominal(choice) for choice in choices):
        return True
    return any(issubclass(event, choice) for choice in choices)


def _is_nominal(hint: Any) -> bool:  # any annotation
    return isinstance(hint, type) and not getattr(hint, "_is_protocol", False)

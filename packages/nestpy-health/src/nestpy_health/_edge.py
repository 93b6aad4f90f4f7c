"""The health edge: reads and compiles the indicators of a graph, and serves endpoints where no other edge does."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nestpy_core import (
    Carrier,
    Compiler,
    EdgeEntry,
    Endpoint,
    Graph,
    Handler,
    HandlerError,
    Problem,
    Transport,
    handler_of,
    provide,
)

from ._config import HealthConfig
from ._endpoint_code import EndpointCode, EndpointMarker
from ._health import Health
from ._indicator_code import HealthContext, IndicatorCode
from ._indicators import IndicatorMarker
from ._table import Indicator, IndicatorTable

if TYPE_CHECKING:
    from ._listener import Functions

OWNER = "nestpy-health"
PATHS = {"/health/live": "answer_live", "/health/ready": "answer_ready", "/health/startup": "answer_startup"}


def contributions() -> list[Any]:
    """Return what joins the graph of an app with `HealthModule`: a table of its own, and the probes' endpoints."""
    endpoints = [
        Endpoint(path=path, host=Health, method=method, owner=OWNER, public=True) for path, method in PATHS.items()
    ]
    return [
        provide(IndicatorTable, use_value=IndicatorTable()),
        Carrier(HealthContext, ("health",)),
        *endpoints,
    ]


class HealthEdge:
    """Everything health of one app."""

    name = "health"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.config: HealthConfig = graph.sections.get(HealthConfig) or HealthConfig()
        self._table: IndicatorTable = graph.bindings_of(IndicatorTable)[0].source
        self._indicators = [
            (handler, marker)
            for handler, _, marker in graph.handlers_of("health")
            if isinstance(marker, IndicatorMarker)
        ]
        self._functions: Functions = {}

    # -- verify

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with the indicators."""
        yield from (found for _, found in self._mounted() if isinstance(found, Problem))
        self._tell_of_prefix()
        named: dict[tuple[str, str], Handler] = {}
        for handler, marker in self._indicators:
            for parameter in handler.parameters:
                if parameter.inject is None and parameter.required:
                    yield HandlerError(
                        f"`{handler.label}` is an indicator and takes `{parameter.name}`, which nothing gives it.",
                        hints=(f"write `{parameter.name}: Inject[…]`, or inject it as a field of its class",),
                    )
            name = marker.name or handler.name
            earlier = named.setdefault((marker.probe, name), handler)
            if earlier is not handler:
                yield HandlerError(
                    f"`{earlier.label}` and `{handler.label}` are both the indicator `{name}` of {marker.probe}.",
                    hints=(f'give one of them another name: `@{marker.probe}(name="…")`',),
                )

    def _tell_of_prefix(self) -> None:
        """Warn when the probes are not where orchestrators look for them."""
        entries: list[EdgeEntry] = []
        for edge in self.graph.edges:
            if edge is not self:
                entries += getattr(edge, "entries", list)()
        served = [entry.what.rpartition(" ")[2] for entry in entries if entry.handler.host.token is Health]
        moved = [f"`{path}`" for path in served if path not in PATHS]
        if moved:
            notice = (
                f"health probes moved with the app's prefix to {', '.join(moved)}: "
                'ask them there, or keep them in place with `http.prefix_exclude=["/health/*"]`'
            )
            self.graph.notices[notice] = logging.WARNING

    def entries(self) -> Iterable[EdgeEntry]:
        """List the indicators, and the endpoints that the listener serves, for ``nestpy routes``."""
        own = [EdgeEntry(f"{mark.probe} {mark.name or handler.name}", handler) for handler, mark in self._indicators]
        for endpoint, found in self._mounted():
            if isinstance(found, Handler):
                own += [EdgeEntry(f"{method} {endpoint.path}", found) for method in endpoint.methods]
        return own

    # -- compile

    def compile(self, compiler: Compiler) -> None:
        """Compile every indicator; and every endpoint, unless another edge mounts them."""
        for handler, marker in self._indicators:
            function = compiler.handler(handler, marker, IndicatorCode(handler, marker.probe)).function
            self._table.add(marker.probe, Indicator(marker.name or handler.name, marker.timeout, function))
        for endpoint, found in self._mounted():
            if isinstance(found, Handler):
                mark = EndpointMarker(path=endpoint.path)
                function = compiler.handler(found, mark, EndpointCode(found, endpoint.path)).function
                self._functions.update(((endpoint.path, method), function) for method in endpoint.methods)

    def _mounted(self) -> Iterator[tuple[Endpoint, Handler | Problem]]:
        """Yield the handler of every endpoint, or what is wrong with it; nothing where another edge mounts them."""
        if not self.config.listen or any(getattr(edge, "mounts_endpoints", False) for edge in self.graph.edges):
            return
        for end in self.graph.endpoints:
            yield end, handler_of(self.graph, end.host, end.method, owner=end.owner, public=end.public)

    # -- serve

    def transport(self) -> Transport | None:
        """Return the listener of an app whose endpoints nothing else serves."""
        if not self._functions:
            return None
        from ._listener import Listener

        return Listener(self.graph, self._functions)

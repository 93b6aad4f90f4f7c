"""What nestpy-telemetry adds to an app, through core's hooks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nestpy_core import hookimpl

if TYPE_CHECKING:
    from nestpy_core import Graph, Instrument, Problem

nestpy_api = "0.1"


def _has_work(graph: Graph) -> bool:
    # An app that uses `TelemetryModule` has imported it; where nobody has, nothing of this package is loaded.
    loaded = sys.modules.get("nestpy_telemetry._module")
    return loaded is not None and graph.has(loaded.TelemetryModule)


@hookimpl
def nestpy_collect(graph: Graph) -> Iterable[Any] | None:
    """Bring the log, the name of the app, and the metrics page once its path is known."""
    if not _has_work(graph):
        return None
    from nestpy_core import provide

    from ._exporting import Service
    from ._lines import LogSink

    service = Service(graph.root.label, graph.settings.environment)
    own = [provide(LogSink, use_value=LogSink()), provide(Service, use_value=service), _metrics_page]
    return [*own, *_registry()]


def _registry() -> list[Any]:
    # Who wants to inject `CollectorRegistry` has imported it.
    loaded = sys.modules.get("prometheus_client")
    if loaded is None:
        return []
    from nestpy_core import provide

    from ._registry import registry_of

    return [provide(loaded.CollectorRegistry, use_factory=registry_of, default=True)]


def _metrics_page(graph: Graph) -> list[Any]:
    from nestpy_core.contracts import Endpoint

    from ._config import TelemetryConfig
    from ._metrics_page import MetricsPage

    config = graph.sections.get(TelemetryConfig)
    if config is None or not config.metrics:
        return []
    public = config.metrics_access != "app"
    return [
        Endpoint(path=config.metrics_path, host=MetricsPage, method="scrape", owner="nestpy-telemetry", public=public)
    ]


@hookimpl
def nestpy_verify(graph: Graph) -> Iterable[Problem] | None:
    """Refuse an address that nothing can be exported to: the exporters would log it, with whatever it holds."""
    if not _has_work(graph):
        return None
    from nestpy_core import ConfigurationError, check_url

    from ._config import TelemetryConfig

    config: TelemetryConfig | None = graph.sections.get(TelemetryConfig)
    if config is None or not config.otlp_endpoint:
        return None
    hints = ("set `OTEL_EXPORTER_OTLP_ENDPOINT` to `http://collector:4318`",)
    try:
        check_url("telemetry.otlp_endpoint", config.otlp_endpoint, schemes=("http", "https"), hints=hints)
    except ConfigurationError as error:
        return [error]
    return None


@hookimpl
def nestpy_instrument(graph: Graph) -> Iterable[Instrument] | None:
    """Observe every call of every edge, unless everything is off."""
    if not _has_work(graph) or _is_off(graph):
        return None
    from nestpy_core import Instrument

    from ._observer import Observer

    return [Instrument(Observer)]


def _is_off(graph: Graph) -> bool:
    from ._config import TelemetryConfig

    config = graph.sections.get(TelemetryConfig)
    late = any(one.token is TelemetryConfig and one.constants.get("late") for one in graph.bindings)
    return config is not None and not late and not config.observes


@hookimpl
def nestpy_around(graph: Graph, supervising: bool) -> contextlib.AbstractContextManager[Any] | None:  # noqa: FBT001  # as the hook
    """Lead every line into the log, and let processes share their metrics."""
    return _around(graph, supervising=supervising) if _has_work(graph) else None


@contextlib.contextmanager
def _around(graph: Graph, *, supervising: bool) -> Iterator[None]:
    from nestpy_core import AppConfig

    from ._config import TelemetryConfig
    from ._lines import LogSink
    from ._log_pipeline import level_of, logging_into
    from ._metrics_directory import leave_directory, shared_directory, use_directory

    config = graph.sections.get(TelemetryConfig) or TelemetryConfig()
    sink: LogSink = graph.bindings_of(LogSink)[0].source
    sink.configure(config)
    with contextlib.ExitStack() as stack:
        stack.enter_context(logging_into(sink, level_of(config, graph.sections[AppConfig].log_level)))
        if config.metrics and supervising:
            stack.enter_context(shared_directory())
        elif config.metrics:
            use_directory()
            stack.callback(leave_directory)
        yield

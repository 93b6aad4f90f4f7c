"""The module that brings logs, metrics and traces into an app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import Tracer, TracerProvider

from nestpy_core import DynamicModule, dynamic, module, provide

from ._config import TelemetryConfig
from ._exporting import Exporting
from ._gauges import GaugeExport, Gauges
from ._metrics import Metrics
from ._metrics_page import MetricsPage
from ._observer import Observer

__all__ = ("TelemetryModule",)


def _tracing(exporting: Exporting) -> TracerProvider:
    return exporting.tracing


def _metering(exporting: Exporting) -> MeterProvider:
    return exporting.metering


def _tracer(exporting: Exporting) -> Tracer:
    return exporting.tracing.get_tracer("app")


def _meter(exporting: Exporting) -> Meter:
    return exporting.metering.get_meter("app")


@module(
    providers=[
        TelemetryConfig,
        Metrics,
        MetricsPage,
        Exporting,
        Gauges,
        GaugeExport,
        Observer,
        provide(TracerProvider, use_factory=_tracing),
        provide(MeterProvider, use_factory=_metering),
        provide(Tracer, use_factory=_tracer),
        provide(Meter, use_factory=_meter),
    ],
    shared=True,
)
class TelemetryModule:
    """Logs, measures and traces every unit of work of the app; import it once, in the root module.

    It provides `Tracer` and `Meter` of OpenTelemetry for what the app traces and measures itself, and their makers for
    instrumentations of libraries; without an endpoint they do nothing.
    """

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of TelemetryConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `TelemetryConfig`, for instance ``log_format="json"``.
        """
        return dynamic(cls, settings={TelemetryConfig: options})

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # see below
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `TelemetryConfig` fields. Those that are needed before (``log_format``, ``log_level``, ``log_redact``,
                ``metrics``, ``metrics_path``, ``metrics_access``) are refused.
        """
        late: Mapping[type, Callable[..., Any]] = {TelemetryConfig: use_factory}
        return dynamic(cls, late=late, label="for_root_async")

"""Exports traces, metrics and lines by OTLP/HTTP where an endpoint is set: bounded, counted, never in the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from typing import TYPE_CHECKING

import anyio
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

from nestpy_core import Record, injectable, on_application_shutdown

from ._config import TelemetryConfig, pairs
from ._lines import LogSink
from ._metrics import Metrics

if TYPE_CHECKING:
    from ._exporters import Exporters
    from ._meters import Meters
    from ._spans import Spans

logger = logging.getLogger("nestpy.telemetry")

SCOPE = "nestpy"


class Service(Record, frozen=True):
    """What an app is called where no setting says.

    Attributes:
        name: of its root module.
        environment: that it runs in, for instance ``production``.
    """

    name: str
    environment: str


@injectable
class Exporting:
    """What is exported by one run of an app. Without an endpoint nothing of OpenTelemetry's SDK is loaded.

    Attributes:
        spans: begins the spans of units of work; None where nothing is exported.
        meters: records their durations; None as well.
        tracing: makes tracers, for the app's own spans; they do nothing where nothing is exported.
        metering: makes meters, for the app's own measurements.
    """

    def __init__(self, config: TelemetryConfig, sink: LogSink, metrics: Metrics, service: Service) -> None:
        self.spans: Spans | None = None
        self.meters: Meters | None = None
        self.tracing: TracerProvider = NoOpTracerProvider()
        self.metering: MeterProvider = NoOpMeterProvider()
        self._sink = sink
        self._timeout = config.flush_timeout
        self._exporters: Exporters | None = None
        if config.exports:
            self._start(config, metrics, service)

    def _start(self, config: TelemetryConfig, metrics: Metrics, service: Service) -> None:
        from ._exporters import Exporters
        from ._meters import Meters
        from ._spans import Spans

        exporters = self._exporters = Exporters(config, resource_of(config, service), metrics.drop)
        self.tracing, self.metering = exporters.tracing, exporters.metering
        self.spans = Spans(self.tracing.get_tracer(SCOPE), exporters.ids)
        self.meters = Meters(self.metering.get_meter(SCOPE))
        if exporters.logs is not None:
            self._sink.receiver = exporters.logs.receive

    @on_application_shutdown
    async def flush(self) -> None:
        """Export what waits, for as long as the settings allow; what is left then is dropped."""
        exporters, self._exporters = self._exporters, None
        if exporters is None:
            return
        self._sink.receiver = None
        loop, done = asyncio.get_running_loop(), anyio.Event()

        def shut_down() -> None:
            exporters.shut_down()
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(done.set)

        # Neither the loop's executor nor anyio's threads: both would be waited for when the process ends.
        threading.Thread(target=shut_down, name="nestpy-telemetry-flush", daemon=True).start()
        with anyio.move_on_after(self._timeout):
            await done.wait()
        if not done.is_set():
            exporters.abandon()
            logger.warning("the last export did not end within %g s and is given up", self._timeout)


def resource_of(config: TelemetryConfig, service: Service) -> dict[str, str]:
    """Return what exports say of this process, by OpenTelemetry's semantic conventions."""
    return {
        "service.name": config.service_name or service.name,
        "deployment.environment.name": service.environment,
        "service.instance.id": config.service_instance or str(uuid.uuid4()),
        **({"service.version": config.service_version} if config.service_version else {}),
        **pairs(config.resource_attributes),
    }

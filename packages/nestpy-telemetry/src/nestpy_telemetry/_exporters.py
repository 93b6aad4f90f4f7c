"""Builds OpenTelemetry's providers with exporters that are bounded and count what they lose."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, TraceFlags, set_span_in_context
from opentelemetry.trace.span import NonRecordingSpan

from ._config import TelemetryConfig, pairs
from ._lines import EXPORTING, Event
from ._spans import GivenIds

Drop = Callable[[str, int], None]
"""Counts what was lost: ``spans`` or ``logs``, and how many."""

_SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
BATCH = 128
"""Spans or lines of one export. Encoding holds the interpreter, which requests feel: small ones hold it less long."""
_MOST_LOGGERS = 1024
_OWN = frozenset({"timestamp", "level", "logger", "message", "trace_id", "span_id", "trace_flags"})


class CountedSpans(SpanExporter):
    """An exporter of spans that knows how many it was handed, and counts those that nobody took."""

    def __init__(self, inner: SpanExporter, drop: Drop) -> None:
        self._inner = inner
        self._drop = drop
        self.handed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export one batch."""
        self.handed += len(spans)
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._drop("spans", len(spans))
        return result

    def shutdown(self) -> None:
        """Give up what is under way."""
        self._inner.shutdown()


class BoundedSpans(BatchSpanProcessor):
    """A queue of spans that drops the newest when it is full, and counts it."""

    def __init__(self, exporter: CountedSpans, config: TelemetryConfig, drop: Drop) -> None:
        size = config.export_queue
        super().__init__(exporter, size, config.export_delay, min(BATCH, size))
        self._counted = exporter
        self._size = size
        self._drop = drop
        self._queued = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that has ended."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._queued - self._counted.handed >= self._size:
            self._drop("spans", 1)
            return
        self._queued += 1
        super().on_end(span)


class CountedLines(LogRecordExporter):
    """An exporter of lines that counts those that nobody took."""

    def __init__(self, inner: LogRecordExporter, drop: Drop) -> None:
        self._inner = inner
        self._drop = drop
        self.handed = 0

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Export one batch."""
        self.handed += len(batch)
        result = self._inner.export(batch)
        if result is not LogRecordExportResult.SUCCESS:
            self._drop("logs", len(batch))
        return result

    def shutdown(self) -> None:
        """Give up what is under way."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry's own

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do nothing: nothing waits here."""
        del timeout_millis
        return True


class ExportedLines:
    """Turns finished lines into records of OpenTelemetry; drops the newest where too many wait."""

    def __init__(self, config: TelemetryConfig, resource: Resource, exporter: CountedLines, drop: Drop) -> None:
        size = config.export_queue
        processor = BatchLogRecordProcessor(exporter, config.export_delay, min(BATCH, size), max_queue_size=size)
        self.provider = LoggerProvider(resource, shutdown_on_exit=False)
        self.provider.add_log_record_processor(processor)
        self._counted = exporter
        self._size = size
        self._drop = drop
        self._queued = 0
        self._loggers: dict[str, Any] = {}

    def receive(self, event: Event, nanoseconds: int) -> None:
        """Queue one line."""
        name = event["logger"]
        if name.startswith(EXPORTING):
            return
        if self._queued - self._counted.handed >= self._size:
            self._drop("logs", 1)
            return
        self._queued += 1
        record = LogRecord(
            timestamp=nanoseconds,
            observed_timestamp=nanoseconds,
            context=_context_of(event),
            severity_number=_SEVERITIES.get(event["level"], SeverityNumber.INFO),
            severity_text=event["level"].upper(),
            body=event["message"],
            attributes={
                key: _attribute(value) for key, value in event.items() if key not in _OWN and value is not None
            },
        )
        self._logger(name).emit(record)

    def _logger(self, name: str) -> Any:
        logger = self._loggers.get(name)
        if logger is None:
            logger = self.provider.get_logger(name)
            if len(self._loggers) < _MOST_LOGGERS:
                self._loggers[name] = logger
        return logger


class Exporters:
    """The providers of one run.

    Attributes:
        tracing: makes tracers.
        metering: makes meters.
        logs: takes lines; None where they are not exported.
        ids: decides the ids of spans.
    """

    def __init__(self, config: TelemetryConfig, attributes: Mapping[str, str], drop: Drop) -> None:
        base = config.otlp_endpoint.rstrip("/")
        given: dict[str, Any] = {"headers": pairs(config.otlp_headers.reveal()), "timeout": config.otlp_timeout}
        resource = Resource.create(dict(attributes))
        self.ids = GivenIds()
        self._spans = CountedSpans(OTLPSpanExporter(f"{base}/v1/traces", **given), drop)
        sampler = ParentBased(TraceIdRatioBased(config.sample_ratio))
        self.tracing = TracerProvider(sampler, resource, shutdown_on_exit=False, id_generator=self.ids)
        self.tracing.add_span_processor(BoundedSpans(self._spans, config, drop))
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", **given)
        reader = PeriodicExportingMetricReader(self._metrics, config.metric_interval, config.otlp_timeout * 1000)
        bounds = ExplicitBucketHistogramAggregation(config.metrics_buckets)
        views = [View(instrument_name="*.duration", aggregation=bounds)]
        # Exemplars would triple the cost of each measurement.
        self.metering = MeterProvider(
            [reader], resource, AlwaysOffExemplarFilter(), shutdown_on_exit=False, views=views
        )
        self.logs: ExportedLines | None = None
        self._lines: CountedLines | None = None
        if config.otlp_logs:
            self._lines = CountedLines(OTLPLogExporter(f"{base}/v1/logs", **given), drop)
            self.logs = ExportedLines(config, resource, self._lines, drop)

    def shut_down(self) -> None:
        """Export what waits, and end; it takes as long as the receiver does."""
        for provider in (self.tracing, self.metering, None if self.logs is None else self.logs.provider):
            if provider is not None:
                with contextlib.suppress(Exception):  # one that fails keeps no other from ending
                    provider.shutdown()

    def abandon(self) -> None:
        """Interrupt what `shut_down` still waits for."""
        for exporter in (self._spans, self._metrics, self._lines):
            if exporter is not None:
                with contextlib.suppress(Exception):  # as above
                    exporter.shutdown()


def _context_of(event: Event) -> Any:
    trace_id, span_id = event.get("trace_id"), event.get("span_id")
    if not trace_id or not span_id:
        return None
    flags = TraceFlags(int(event.get("trace_flags", "00"), 16))
    span = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span))


def _attribute(value: Any) -> Any:
    if isinstance(value, str | bool | int | float):
        return value
    return [str(item) for item in value] if isinstance(value, list) else str(value)

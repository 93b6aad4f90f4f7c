"""The settings of logs, metrics and traces."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from nestpy_core import Secret, config, setting

__all__ = ("TelemetryConfig",)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@config("telemetry")
class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged, measured and traced, and where it goes.

    Attributes:
        log_format: ``json``, ``text``, or by whether the error stream is a terminal.
        log_level: from which level on; by default ``app.log_level``.
        log_redact: names of fields whose values are never written, beside the usual ones.
        operations: whether each unit of work writes its line.
        trace_headers: whether answers carry ``X-Trace-Id`` and ``traceresponse``.
        service_name: by default the name of the root module.
        service_version: of the app.
        service_instance: of this process; by default a fresh id.
        resource_attributes: more of them, as ``key=value`` pairs with commas.
        metrics: whether the metrics page is mounted and measurements are taken for it.
        metrics_path: where, under the prefix of the edge that mounts it.
        metrics_access: who may read it: ``local`` callers and those with the token, whom the guards of the ``app``
            let pass, or anybody (``open``).
        metrics_token: what a reader sends as ``Authorization: Bearer …``; with it, local callers need it too.
        metrics_buckets: upper bounds of durations, in seconds.
        metrics_labels: the label sets that one metric may have; what comes after counts as ``other``.
        gauge_cache: seconds that what gauges showed, such as the depth of a queue, is shown again.
        otlp_endpoint: the address of an OTLP/HTTP receiver without ``/v1/…``; empty exports nothing.
        otlp_headers: sent with each export, as ``key=value`` pairs with commas.
        otlp_timeout: seconds that one export may take.
        otlp_disabled: export nothing, whatever the endpoint.
        otlp_logs: whether log lines are exported too.
        sample_ratio: the share of traces that begin here and are recorded; those that go on follow their parent.
        metric_interval: milliseconds between two exports of metrics.
        export_delay: milliseconds that spans and lines wait for others.
        export_queue: spans, and as many lines, that wait for their export at most; more are dropped and counted.
        flush_timeout: seconds that the last export may take when the app stops.
    """

    log_format: Annotated[Literal["auto", "json", "text"], setting(shape=True)] = "auto"
    log_level: Annotated[Literal["debug", "info", "warning", "error"] | None, setting(shape=True)] = None
    log_redact: Annotated[tuple[str, ...], setting(shape=True)] = ()
    operations: bool = True
    trace_headers: bool = True
    service_name: Annotated[str, setting(alias="OTEL_SERVICE_NAME")] = ""
    service_version: str = ""
    service_instance: str = ""
    resource_attributes: Annotated[str, setting(alias="OTEL_RESOURCE_ATTRIBUTES")] = ""
    metrics: Annotated[bool, setting(shape=True)] = True
    metrics_path: Annotated[str, msgspec.Meta(pattern="^/[^?#{}]*$"), setting(shape=True)] = "/metrics"
    metrics_access: Annotated[Literal["local", "app", "open"], setting(shape=True)] = "local"
    metrics_token: Secret[str] = Secret("")
    metrics_buckets: tuple[float, ...] = BUCKETS
    metrics_labels: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    gauge_cache: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    otlp_endpoint: Annotated[str, setting(alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = ""
    otlp_headers: Annotated[Secret[str], setting(alias="OTEL_EXPORTER_OTLP_HEADERS")] = Secret("")
    otlp_timeout: Annotated[float, msgspec.Meta(gt=0), setting(alias="OTEL_EXPORTER_OTLP_TIMEOUT")] = 10.0
    otlp_disabled: Annotated[bool, setting(alias="OTEL_SDK_DISABLED")] = False
    otlp_logs: bool = True
    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1), setting(alias="OTEL_TRACES_SAMPLER_ARG")] = 1.0
    metric_interval: Annotated[int, msgspec.Meta(ge=10), setting(alias="OTEL_METRIC_EXPORT_INTERVAL")] = 60_000
    export_delay: Annotated[int, msgspec.Meta(ge=1), setting(alias="OTEL_BSP_SCHEDULE_DELAY")] = 5_000
    export_queue: Annotated[int, msgspec.Meta(ge=16), setting(alias="OTEL_BSP_MAX_QUEUE_SIZE")] = 2048
    flush_timeout: Annotated[float, msgspec.Meta(ge=0, le=30)] = 3.0

    @property
    def exports(self) -> bool:
        """Whether anything is exported."""
        return bool(self.otlp_endpoint) and not self.otlp_disabled

    @property
    def observes(self) -> bool:
        """Whether anything wants to know of a unit of work."""
        return self.operations or self.trace_headers or self.metrics or self.exports


def pairs(text: str) -> dict[str, str]:
    """Read ``key=value`` pairs with commas between them, percent-encoded (W3C Baggage, as OpenTelemetry reads it)."""
    from urllib.parse import unquote

    found = (item.partition("=") for item in text.split(",") if "=" in item)
    return {key.strip(): unquote(value.strip()) for key, _, value in found if key.strip()}

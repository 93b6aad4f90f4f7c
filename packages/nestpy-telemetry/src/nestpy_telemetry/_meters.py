"""Records the durations of units of work as OpenTelemetry metrics; loaded only where they are exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nestpy_core import CallKind

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter


class Meters:
    """One histogram for each name of a unit of work, such as ``http.server.request.duration`` in seconds."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._histograms: dict[str, Histogram] = {}

    def record(self, kind: CallKind, outcome: str, seconds: float) -> None:
        """Record one duration."""
        histogram = self._histograms.get(kind.name)
        if histogram is None:
            histogram = self._histograms[kind.name] = self._meter.create_histogram(
                _instrument(kind), unit="s", description=f"Duration of {kind.name}"
            )
        known = kind.attributes or {"nestpy.operation": kind.operation}
        value = int(outcome) if outcome.isdecimal() else outcome
        histogram.record(seconds, {**known, kind.outcome_attribute: value})


def _instrument(kind: CallKind) -> str:
    if kind.kind != "server":
        return f"{kind.name}.duration"
    edge, _, what = kind.name.partition(".")
    return f"{edge}.server.{what}.duration"

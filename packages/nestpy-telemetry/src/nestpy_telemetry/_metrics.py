"""Measures units of work for Prometheus, with label sets that are bounded whatever callers send."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nestpy_core import CallKind, injectable

from ._config import TelemetryConfig

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER = "other"
_MOST_OUTCOMES = 100


@injectable
class Metrics:
    """The metrics of one run; nothing of prometheus-client is loaded where they are off.

    A unit of work such as ``http.request`` has ``http_requests_total`` by its labels and its outcome,
    ``http_request_duration_seconds`` by its labels, and ``http_requests_in_progress``.
    """

    def __init__(self, config: TelemetryConfig) -> None:
        self.active = config.metrics
        self._limit = config.metrics_labels
        self._buckets = config.metrics_buckets
        self._families: dict[str, _Family] = {}
        self._series: dict[CallKind, _Series] = {}
        self._dropped: Any = None
        if self.active:
            self._start()

    def _start(self) -> None:
        from prometheus_client import CollectorRegistry, Counter

        self.registry: CollectorRegistry = CollectorRegistry(auto_describe=True)
        self._dropped = Counter("telemetry_dropped", "What could not be exported", ["signal"], registry=self.registry)

    def begin(self, kind: CallKind) -> None:
        """Count a call as running."""
        series = self._series.get(kind) or self._new_series(kind)
        series.running.inc()

    def end(self, kind: CallKind, outcome: str, seconds: float) -> None:
        """Count a call as ended."""
        series = self._series.get(kind) or self._new_series(kind)
        series.running.dec()
        series.durations.observe(seconds)
        (series.outcomes.get(outcome) or series.counter(outcome)).inc()

    def drop(self, signal: str, count: int) -> None:
        """Count what an exporter lost."""
        if self._dropped is not None:
            self._dropped.labels(signal).inc(count)

    def _new_series(self, kind: CallKind) -> _Series:
        family = self._families.get(kind.name)
        if family is None:
            if len(self._families) >= self._limit:
                return self._families[next(iter(self._families))].other
            family = self._families[kind.name] = _Family(kind, self.registry, self._buckets)
        series = family.series(kind, self._limit)
        if len(self._series) < self._limit:
            self._series[kind] = series
        return series


class _Family:
    """The three metrics of one name of a unit of work."""

    def __init__(self, kind: CallKind, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        one = kind.name.replace(".", "_").replace("-", "_")
        many = f"{one}es" if one.endswith(("ch", "s", "x")) else f"{one}s"
        self.names = tuple(kind.labels) or ("operation",)
        told = f"Calls of {kind.name}"
        self.counter: Counter = Counter(many, f"{told} that ended", [*self.names, kind.outcome], registry=registry)
        self.histogram: Histogram = Histogram(
            f"{one}_duration_seconds", f"{told}: seconds each took", self.names, registry=registry, buckets=buckets
        )
        self.gauge: Gauge = Gauge(
            f"{many}_in_progress", f"{told} that run now", registry=registry, multiprocess_mode="livesum"
        )
        self._known: dict[tuple[str, ...], _Series] = {}

    @functools.cached_property
    def other(self) -> _Series:
        """What counts for every label set beyond the bound."""
        return _Series(self, (OTHER,) * len(self.names))

    def series(self, kind: CallKind, limit: int) -> _Series:
        """Return the series of a kind of call; kinds with equal labels share one."""
        labels = kind.labels or {"operation": kind.operation}
        values = tuple(labels.get(name, "") for name in self.names)
        if values not in self._known:
            if len(self._known) >= limit:
                return self.other
            self._known[values] = _Series(self, values)
        return self._known[values]


class _Series:
    """The metrics of one label set, bound once."""

    def __init__(self, family: _Family, values: tuple[str, ...]) -> None:
        self._family = family
        self._values = values
        self.running = family.gauge
        self.durations = family.histogram.labels(*values)
        self.outcomes: dict[str, Any] = {}

    def counter(self, outcome: str) -> Any:
        """Return the counter of one outcome; of those beyond the bound, one for all."""
        if len(self.outcomes) >= _MOST_OUTCOMES:
            outcome = OTHER
        found = self.outcomes[outcome] = self._family.counter.labels(*self._values, outcome)
        return found


class Joined:
    """What a scrape reads: the run's own metrics, then those of the process that are called otherwise.

    The times at which series were created stay out: they are one more series for each.
    """

    def __init__(self, *registries: Any) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Any]:
        """Yield each family of metrics once."""
        seen: set[str] = set()
        for registry in self._registries:
            for family in registry.collect():
                if family.name not in seen:
                    seen.add(family.name)
                    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
                    yield family

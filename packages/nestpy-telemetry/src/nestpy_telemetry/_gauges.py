"""Reads the gauges of the app's capabilities when somebody wants to know: all at once, and seldom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from nestpy_core import Clock, injectable, on_application_bootstrap
from nestpy_core.contracts import Gauge, GaugeSource, Reading

from ._config import TelemetryConfig
from ._exporting import SCOPE, Exporting

if TYPE_CHECKING:
    from opentelemetry.metrics import Observation
    from prometheus_client.metrics_core import GaugeMetricFamily

logger = logging.getLogger("nestpy.telemetry")

LIMIT = 2.0
"""Seconds that one source may take."""
_UNITS = {"s": "seconds", "By": "bytes"}


@injectable
class Gauges:
    """What every `GaugeSource` shows, for some seconds the same.

    Attributes:
        sources: those of the app.
    """

    def __init__(self, config: TelemetryConfig, clock: Clock, sources: list[GaugeSource] | None = None) -> None:
        self.sources = sources or []
        self._keep = config.gauge_cache
        self._most = config.metrics_labels
        self._now = clock.monotonic
        self._known: Sequence[Reading] = ()
        self._expires = float("-inf") if self.sources else float("inf")
        self._asking = asyncio.Lock()
        self._silent: set[int] = set()

    async def readings(self) -> Sequence[Reading]:
        """Return what was read last, or read anew; a source that fails or hangs shows nothing."""
        async with self._asking:
            if self._now() >= self._expires:
                found = await asyncio.gather(*map(self._read, self.sources))
                self._known = [one for some in found for one in some]
                self._expires = self._now() + self._keep
            return self._known

    async def _read(self, source: GaugeSource) -> Sequence[Reading]:
        try:
            async with asyncio.timeout(LIMIT):
                found = await source.read()
        except Exception as error:  # noqa: BLE001  # whatever a source raises
            if id(source) not in self._silent:
                logger.warning("the gauges of %s cannot be read: %r", type(source).__name__, error)
            self._silent.add(id(source))
            return ()
        self._silent.discard(id(source))
        bounded: dict[Gauge, list[Reading]] = {}
        for reading in found:
            bounded.setdefault(reading.gauge, []).append(reading)
        return [one for some in bounded.values() for one in some[: self._most]]


class Shown:
    """Readings as a scrape reads them."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Any]:
        """Yield one family for each gauge."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        families: dict[Gauge, GaugeMetricFamily] = {}
        for reading in self._readings:
            gauge = reading.gauge
            family = families.get(gauge)
            if family is None:
                name, unit = gauge.name.replace(".", "_").replace("-", "_"), _UNITS.get(gauge.unit, "")
                family = families[gauge] = GaugeMetricFamily(name, gauge.text, labels=list(reading.labels), unit=unit)
            family.add_metric(list(reading.labels.values()), reading.value)
        yield from families.values()


@injectable
class GaugeExport:
    """Offers the gauges to OpenTelemetry, where an endpoint is set."""

    exporting: Exporting
    gauges: Gauges

    @on_application_bootstrap
    async def begin(self) -> None:
        """Let each export read them."""
        if self.exporting.meters is None:
            return
        loop = asyncio.get_running_loop()
        meter = self.exporting.metering.get_meter(SCOPE)
        for gauge in (one for source in self.gauges.sources for one in source.gauges):

            def observe(_: object, gauge: Gauge = gauge) -> list[Observation]:
                return self._observed(gauge, loop)

            meter.create_observable_gauge(gauge.name, [observe], unit=gauge.unit, description=gauge.text)

    def _observed(self, gauge: Gauge, loop: asyncio.AbstractEventLoop) -> list[Observation]:
        # In the exporter's thread, while the loop runs; the last export of an app that is about to end may be too late.
        from opentelemetry.metrics import Observation

        asked = self.gauges.readings()
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, loop)
        except RuntimeError:  # the loop is closed
            asked.close()
            return []
        try:
            found = answer.result(LIMIT + 1)
        except (TimeoutError, CancelledError):
            answer.cancel()
            return []
        return [Observation(one.value, dict(one.labels)) for one in found if one.gauge == gauge]

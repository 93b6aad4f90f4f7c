"""Gauges of capabilities stand on the metrics page and in exports: read seldom, once for all, and never in the way."""

import asyncio

import pytest
from otlp_receiver import attributes
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from nestpy_core import Clock, injectable, module, provide
from nestpy_core.contracts import Gauge, GaugeSource, Reading
from nestpy_testing import FakeClock

pytestmark = pytest.mark.anyio

LEVEL = Gauge(name="tank.level", text="Litres in a tank")
AGE = Gauge(name="tank.age", text="Since when", unit="s")


@injectable
class Tanks:
    gauges = (LEVEL, AGE)

    def __init__(self):
        self.reads = 0
        self.fails = None
        self.answer = asyncio.Event()
        self.answer.set()

    async def read(self):
        self.reads += 1
        await self.answer.wait()
        if self.fails:
            raise self.fails
        levels = [Reading(gauge=LEVEL, value=self.reads, labels={"tank": name}) for name in ("a", "b")]
        return [*levels, Reading(gauge=AGE, value=1.5)]


@injectable
class Other:
    gauges = (Gauge(name="other", text="Another"),)

    async def read(self):
        return [Reading(gauge=self.gauges[0], value=7)]


BOUND = (Tanks, *(provide(GaugeSource, use_existing=one, multi=True) for one in (Tanks, Other)), Other)


def gauges(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.type == "gauge" and sample.name.startswith(("tank", "other"))
    }


async def test_they_stand_on_the_page_with_their_units_and_labels(observing):
    async with observing(*BOUND) as client:
        page = await client.get("/metrics")
        accept = "application/openmetrics-text; version=1.0.0"
        open_page = await client.get("/metrics", headers={"accept": accept})
    assert gauges(page.text) == {
        ("tank_level", "a"): 1,
        ("tank_level", "b"): 1,
        ("tank_age_seconds",): 1.5,
        ("other",): 7,
    }
    families = {family.name: family for family in open_metrics_families(open_page.text)}
    assert families["tank_age_seconds"].unit == "seconds"
    assert families["tank_level"].documentation == "Litres in a tank"


async def test_they_are_read_once_for_all_who_ask_and_again_only_when_what_is_known_is_old(observing):
    clock = FakeClock()

    @module(providers=[provide(Clock, use_value=clock)], shared=True)
    class ClockModule: ...

    async with observing(*BOUND, imports=[ClockModule], gauge_cache=5) as client:
        tanks = await client.context.get(Tanks)
        tanks.answer.clear()
        asking = [asyncio.create_task(client.get("/metrics")) for _ in range(20)]
        while not tanks.reads:
            await asyncio.sleep(0)
        tanks.answer.set()
        pages = [(await one).text for one in asking]
        await clock.advance(4.9)
        pages.append((await client.get("/metrics")).text)
        assert tanks.reads == 1
        assert {gauges(page)["tank_level", "a"] for page in pages} == {1}
        await clock.advance(0.2)
        assert gauges((await client.get("/metrics")).text)["tank_level", "a"] == 2


async def test_one_that_fails_or_hangs_is_left_out_and_told_once(observing, lines, monkeypatch):
    monkeypatch.setattr("nestpy_telemetry._gauges.LIMIT", 0.05)
    async with observing(*BOUND, gauge_cache=0) as client:
        tanks = await client.context.get(Tanks)
        tanks.fails = ConnectionError("no answer")
        for _ in range(2):
            assert gauges((await client.get("/metrics")).text) == {("other",): 7}
        assert [line["message"] for line in lines.of("nestpy.telemetry")] == [
            "the gauges of Tanks cannot be read: ConnectionError('no answer')"
        ]
        tanks.fails = None
        assert gauges((await client.get("/metrics")).text)["tank_level", "a"] == 3
        tanks.answer.clear()
        assert gauges((await client.get("/metrics")).text) == {("other",): 7}
        assert len(lines.of("nestpy.telemetry")) == 2


async def test_their_label_sets_are_bounded(observing):
    async with observing(*BOUND, metrics_labels=1) as client:
        found = gauges((await client.get("/metrics")).text)
    assert set(found) == {("tank_level", "a"), ("tank_age_seconds",), ("other",)}


async def test_they_are_exported_beside_the_durations(observing, receiver):
    async with observing(*BOUND, otlp_endpoint=receiver.url):
        pass
    points = {
        (name, *attributes(point).values()): point.as_double or point.as_int
        for name in ("tank.level", "tank.age", "other")
        for point in receiver.metrics[name].gauge.data_points
    }
    assert points == {("tank.level", "a"): 1, ("tank.level", "b"): 1, ("tank.age",): 1.5, ("other",): 7}
    assert receiver.metrics["tank.age"].unit == "s"

"""Spans, metrics and lines arrive at a real OTLP receiver; one that is dead or slow is in nobody's way."""

import asyncio
import logging
import subprocess
import sys
import time

import pytest
from observed_edge import JobPlugin, Worker, edge_of
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import Tracer, TracerProvider
from otlp_receiver import attributes

from nestpy_core import App, ConfigurationError, current_trace, module
from nestpy_http import HttpClient, HttpModule, controller, get
from nestpy_telemetry import TelemetryModule
from nestpy_testing import free_port

pytestmark = pytest.mark.anyio

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@controller("/")
class ExportingController:
    tracer: Tracer
    meter: Meter

    @get("/users/{user_id}")
    async def user(self, user_id: int) -> str:
        with self.tracer.start_as_current_span("load user"):
            await asyncio.sleep(0)
            inner = current_trace().span_id
        self.meter.create_counter("users.loaded").add(1)
        return inner

    @get("/broken")
    async def broken(self) -> None:
        raise LookupError("secret text")


def named(spans):
    return {span.name: span for span in spans}


async def test_spans_are_named_by_template_and_nested_as_they_ran(observing, receiver, lines):
    async with observing(ExportingController, otlp_endpoint=receiver.url, service_name="shop") as client:
        inner = (await client.get("/users/7?token=hidden", headers={"user-agent": "curl/8"})).text
        await client.get("/broken")
        await client.get("/nowhere/at/all")
        told = lines.operations
    spans = named(receiver.spans)
    assert set(spans) == {"GET /users/{user_id}", "load user", "GET /broken", "GET"}
    outer, own, broken = spans["GET /users/{user_id}"], spans["load user"], spans["GET /broken"]
    assert (outer.kind, outer.parent_span_id) == (Span.SPAN_KIND_SERVER, b"")
    assert outer.trace_id.hex() == told[0]["trace_id"]
    assert outer.span_id.hex() == told[0]["span_id"]
    assert (own.trace_id, own.parent_span_id, own.span_id.hex()) == (outer.trace_id, outer.span_id, inner)
    assert len({span.span_id for span in spans.values()}) == 4
    assert {**attributes(outer), "client.address": ""} == {
        "http.request.method": "GET",
        "http.route": "/users/{user_id}",
        "url.path": "/users/7",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "client.address": "",
        "network.protocol.version": "1.1",
        "user_agent.original": "curl/8",
    }
    assert broken.status.code == Status.STATUS_CODE_ERROR
    assert attributes(broken)["error.type"] == "LookupError"
    assert "secret text" not in str(receiver.spans)
    assert spans["GET"].status.code == Status.STATUS_CODE_UNSET
    assert receiver.resource["service.name"] == "shop"
    assert receiver.resource["deployment.environment.name"] == "test"


async def test_metrics_and_lines_arrive_with_the_trace_they_belong_to(observing, receiver, lines):
    async with observing(ExportingController, otlp_endpoint=receiver.url) as client:
        await client.get("/users/7")
        told = lines.last()
    histogram = receiver.metrics["http.server.request.duration"]
    [point] = histogram.histogram.data_points
    assert (histogram.unit, point.count, point.explicit_bounds[0]) == ("s", 1, 0.005)
    assert attributes(point) == {
        "http.request.method": "GET",
        "http.route": "/users/{user_id}",
        "http.response.status_code": 200,
    }
    assert "users.loaded" in receiver.metrics
    [line] = [one for one in receiver.lines if one.body.string_value == "http.request"]
    assert (line.trace_id.hex(), line.span_id.hex()) == (told["trace_id"], told["span_id"])
    assert line.severity_text == "INFO"
    assert attributes(line)["path"] == "/users/7"


async def test_a_trusted_parent_is_the_parent_and_an_untrusted_one_is_only_noted(observing, receiver):
    headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
    async with observing(ExportingController, otlp_endpoint=receiver.url) as client:
        await client.get("/broken", headers=headers)
    http = {"trusted_proxies": ("127.0.0.1",)}
    async with observing(ExportingController, otlp_endpoint=receiver.url, http=http) as client:
        await client.get("/broken", headers=headers)
    untrusted, trusted = receiver.spans
    assert (trusted.trace_id.hex(), trusted.parent_span_id.hex(), trusted.trace_state) == (TRACE, SPAN, "vendor=1")
    assert untrusted.trace_id.hex() != TRACE
    assert untrusted.parent_span_id == b""
    assert attributes(untrusted)["nestpy.claimed_traceparent"] == PARENT
    assert "nestpy.claimed_traceparent" not in attributes(trusted)


async def test_a_job_and_its_events_are_spans_of_the_producers_trace(observing, receiver):
    Worker.seen.clear()
    async with observing(Worker, plugins=[JobPlugin()], otlp_endpoint=receiver.url) as client:
        await edge_of(client.app).send("ship", {"traceparent": PARENT})
        await edge_of(client.app).send("fail", {})
    spans = named(receiver.spans)
    job, event, failed = spans["ship"], spans["shipped"], spans["fail"]
    assert (job.trace_id.hex(), job.parent_span_id.hex(), job.kind) == (TRACE, SPAN, Span.SPAN_KIND_CONSUMER)
    assert (event.trace_id.hex(), event.parent_span_id, event.kind) == (TRACE, job.span_id, Span.SPAN_KIND_INTERNAL)
    during, after = [carrier["traceparent"].split("-")[2] for carrier in Worker.seen]
    assert (during, after) == (event.span_id.hex(), job.span_id.hex())
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert "queue.job.duration" in receiver.metrics


async def test_traces_that_are_not_sampled_leave_no_span_and_keep_their_ids(observing, receiver, lines):
    async with observing(ExportingController, otlp_endpoint=receiver.url, sample_ratio=0.0) as client:
        answer = await client.get("/users/7")
        assert answer.headers["traceresponse"].endswith("-00")
        assert lines.last()["trace_id"] == answer.headers["x-trace-id"]
    assert receiver.spans == []
    http = {"trusted_proxies": ("127.0.0.1",)}
    async with observing(ExportingController, otlp_endpoint=receiver.url, sample_ratio=0.0, http=http) as client:
        await client.get("/users/7", headers={"traceparent": PARENT})
        await client.get("/users/7", headers={"traceparent": PARENT[:-1] + "0"})
    assert len(receiver.spans) == 2


async def test_settings_of_opentelemetry_are_understood(make_app, receiver):
    environ = {
        "NESTPY_ENV": "test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=se%3Dcret, other=1",
        "OTEL_SERVICE_NAME": "named",
        "OTEL_RESOURCE_ATTRIBUTES": "team=blue,zone=eu",
    }
    for more, count in (({}, 1), ({"OTEL_SDK_DISABLED": "true"}, 0), ({"OTEL_TRACES_SAMPLER_ARG": "0"}, 0)):
        receiver.requests["/v1/traces"].clear()
        app = make_app(ExportingController, environ={**environ, **more})
        async with app.create_context():
            await HttpClient(app.__rsgi__).get("/broken")
        assert len(receiver.spans) == count
    assert receiver.headers[0]["x-api-key"] == "se=cret"


async def test_a_dead_receiver_fails_and_delays_nothing(observing, lines):
    dead = f"http://127.0.0.1:{free_port()}"
    async with observing(ExportingController, otlp_endpoint=dead, export_delay=10, flush_timeout=0.5) as client:
        for _ in range(50):
            assert (await client.get("/users/7")).status == 200
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert all(line["status"] == 200 for line in lines.operations)


async def test_a_slow_receiver_is_given_up_when_the_app_stops(observing, receiver, lines):
    receiver.delay = 30
    async with observing(ExportingController, otlp_endpoint=receiver.url, flush_timeout=0.3) as client:
        await client.get("/users/7")
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert "the last export did not end within 0.3 s and is given up" in lines.text


async def test_what_waits_is_bounded_and_what_is_lost_is_counted(observing, receiver):
    receiver.status = 400
    options = {"otlp_endpoint": receiver.url, "export_queue": 16, "export_delay": 60_000, "otlp_logs": False}
    async with observing(ExportingController, **options, flush_timeout=5) as client:
        receiver.delay = 0.5
        for _ in range(100):
            await client.get("/broken")
        page = (await client.get("/metrics")).text
        lost = next(line for line in page.splitlines() if line.startswith('telemetry_dropped_total{signal="spans"}'))
    assert float(lost.split()[1]) >= 100 - 3 * 16


SILENT = """
import asyncio, sys
from nestpy_core import App, module
from nestpy_http import HttpClient, HttpModule, controller, get
from nestpy_telemetry import TelemetryModule

@controller("/")
class Hello:
    @get("/")
    async def hello(self) -> str:
        return "hello"

@module(imports=[HttpModule.for_root(), TelemetryModule.for_root(metrics=False)], providers=[Hello])
class Root: ...

async def main():
    app = App(Root, environ={})
    async with app.create_context():
        assert (await HttpClient(app.__rsgi__).get("/")).text == "hello"

asyncio.run(main())
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests",
                                                        "prometheus_client", "google.protobuf"))])
"""


def test_without_an_endpoint_nothing_is_exported_and_nothing_of_the_sdk_is_loaded():
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_instrumentations_are_given_the_providers_of_the_run(observing, receiver):
    async with observing(ExportingController, otlp_endpoint=receiver.url) as client:
        tracing = await client.context.get(TracerProvider)
        metering = await client.context.get(MeterProvider)
        with tracing.get_tracer("library").start_as_current_span("SELECT"):
            metering.get_meter("library").create_counter("queries").add(1)
    assert [span.name for span in receiver.spans] == ["SELECT"]
    assert "queries" in receiver.metrics


async def test_what_is_needed_before_a_start_cannot_come_from_it(make_app):
    @module(imports=[HttpModule.for_root(), TelemetryModule.for_root_async(lambda: {"log_format": "text"})])
    class LateModule: ...

    app = App(LateModule, environ={"NESTPY_ENV": "test"})
    with pytest.raises(ConfigurationError, match=r"^Setting `telemetry\.log_format` must not come from "):
        async with app.create_context():
            raise AssertionError("it starts")


async def test_settings_that_come_at_the_start_are_followed(receiver):
    late = TelemetryModule.for_root_async(lambda: {"otlp_endpoint": receiver.url, "service_name": "late"})

    @module(imports=[HttpModule.for_root(), late], providers=[ExportingController])
    class LateModule: ...

    app = App(LateModule, environ={"NESTPY_ENV": "test"})
    async with app.create_context():
        await HttpClient(app.__rsgi__).get("/broken")
    assert receiver.resource["service.name"] == "late"


async def test_a_dead_receiver_is_spoken_of_once_a_minute(observing, lines):
    async with observing(ExportingController) as client:
        for _ in range(5):
            logging.getLogger("opentelemetry.exporter").warning("cannot reach it")
            logging.getLogger("opentelemetry.exporter").error("gave up")
        assert (await client.get("/users/7")).status == 200
        assert [line["message"] for line in lines.of("opentelemetry.exporter")] == ["cannot reach it", "gave up"]

"""One trace leads from a request through the events and jobs that it causes, on the edges that apps really use."""

import msgspec
import pytest

from nestpy_events import EventBus, EventsModule, listeners, on_event
from nestpy_health import HealthModule, indicators, readiness
from nestpy_http import controller, post
from nestpy_queue import Queue, QueueModule, process, processor
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


class Placed(msgspec.Struct, frozen=True):
    number: int


class Ship(msgspec.Struct):
    number: int


@controller("/")
class OrderController:
    bus: EventBus
    queue: Queue[Ship]

    @post("/orders/{number}")
    async def place(self, number: int) -> None:
        await self.bus.emit(Placed(number))
        await self.queue.enqueue(Ship(number))


@listeners
class Mailer:
    @on_event(Placed)
    async def mail(self, event: Placed) -> None: ...


@processor("shipping")
class Shipper:
    @process()
    async def ship(self, job: Ship) -> None:
        if job.number == 2:
            raise LookupError("no such order")


@indicators
class Depot:
    @readiness
    async def open(self) -> None: ...


async def test_a_request_its_events_and_its_jobs_share_a_trace_and_have_metrics(make_app, lines):
    import anyio
    import httpx

    app = make_app(
        OrderController,
        *(Mailer, Shipper, Depot),
        imports=[EventsModule, QueueModule.for_root(store="memory"), HealthModule.for_root()],
        log_format="json",
    )
    async with TestApp(app).listening() as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        first, second = [(await client.post(f"/orders/{number}")).headers["x-trace-id"] for number in (1, 2)]
        assert (await client.get("/health/ready")).status_code == 200
        with anyio.fail_after(20):
            while len([line for line in lines.operations if line["message"] == "queue.job"]) < 2:
                await anyio.sleep(0.02)
        page = (await client.get("/metrics")).text
    told = {(line["message"], line["trace_id"]): line for line in lines.operations}
    for trace in (first, second):
        assert told["http.request", trace]["status"] == 204
        assert told["events.dispatch", trace]["outcome"] == "ok"
    assert told["queue.job", first]["outcome"] == "ok"
    assert told["queue.job", second]["outcome"] == "error"
    assert "health.indicator" not in {message for message, _ in told}
    for metric in ("events_dispatches_total{", "queue_jobs_total{", "queue_job_duration_seconds_bucket{"):
        assert metric in page
    for gauge in ('queue_depth{queue="shipping",state="dead"}', 'queue_lag_seconds{queue="shipping"} 0.0'):
        assert gauge in page

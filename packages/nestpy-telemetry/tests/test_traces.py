"""A trace goes on from whom the app trusts, begins anew for everybody else, and stands on every answer."""

import re

import pytest
from hypothesis import given, strategies
from observed_edge import JobPlugin, Worker, edge_of

from nestpy_core import current_trace, outgoing_trace
from nestpy_http import Query, controller, get
from nestpy_telemetry._trace_context import is_sampled, parent_of

pytestmark = pytest.mark.anyio

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
TRUSTING = {"trusted_proxies": ("127.0.0.1",)}


@controller("/")
class TracedController:
    @get("/ids")
    async def ids(self, text: Query[str] = "") -> dict[str, str]:
        trace = current_trace()
        return {"trace_id": trace.trace_id, "span_id": trace.span_id, **outgoing_trace()}

    @get("/items/{item}")
    async def item(self, item: int) -> int:
        return item

    @get("/broken")
    async def broken(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/ids"), ("HEAD", "/ids"), ("GET", "/nowhere"), ("PUT", "/ids"), ("GET", "/items/x"), ("GET", "/broken")],
)
async def test_every_answer_carries_its_trace(observing, lines, method, path):
    async with observing(TracedController) as client:
        answer = await client.request(method, path)
        other = await client.request(method, path)
    trace = answer.headers["x-trace-id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    span = lines.operations[0]["span_id"]
    assert answer.headers["traceresponse"] == f"00-{trace}-{span}-00"
    assert lines.operations[0]["trace_id"] == trace
    assert other.headers["x-trace-id"] != trace


async def test_refusals_that_no_route_sees_carry_it_too(observing):
    http = {"hosts": ("example.com",), "cors_origins": ("https://a.example",), "server_timing": True}
    async with observing(TracedController, http=http) as client:
        for headers in ({}, {"host": "example.com", "origin": "https://b.example"}):
            preflight = {**headers, "access-control-request-method": "GET"}
            for answer in (
                await client.get("/ids", headers=headers),
                await client.options("/ids", headers=preflight),
                await client.get(f"/{'x' * 9000}", headers=headers),
            ):
                assert len(answer.headers.get_all("x-trace-id")) == 1, answer
                assert "server-timing" in answer.headers


async def test_a_trace_goes_on_from_a_trusted_proxy_only(observing):
    headers = {"traceparent": PARENT, "tracestate": "vendor=1, other=2"}
    async with observing(TracedController) as client:
        assert (await client.get("/ids", headers=headers)).headers["x-trace-id"] != TRACE
    async with observing(TracedController, http=TRUSTING) as client:
        answer = await client.get("/ids", headers=headers)
    assert answer.headers["x-trace-id"] == TRACE
    own = answer.json()["span_id"]
    assert own != SPAN
    assert answer.json()["traceparent"] == f"00-{TRACE}-{own}-01"
    assert answer.json()["tracestate"] == "vendor=1,other=2"
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{own}-01"


INVALID = [
    "",
    "x",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}-0\uff11",
    f"{PARENT}\n{PARENT}",
]


@pytest.mark.parametrize("parent", INVALID)
def test_what_is_no_traceparent_is_none(parent):
    assert parent_of({"traceparent": parent}) is None


@given(strategies.text(), strategies.text())
def test_any_headers_are_read_without_an_error(parent, state):
    parent_of({"traceparent": parent, "tracestate": state})
    found = parent_of({"traceparent": PARENT, "tracestate": state})
    assert found is not None
    assert found.state.isascii()


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert parent_of({"traceparent": f"01-{TRACE}-{SPAN}-03-more"}) == (TRACE, SPAN, True, "")
    assert parent_of({"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "a=1,A=2"}) == (TRACE, SPAN, False, "")
    long = ",".join(f"k{number}=1" for number in range(33))
    assert parent_of({"traceparent": PARENT, "tracestate": long}).state == ""


def test_the_share_of_sampled_traces_is_the_ratio():
    assert all(is_sampled(number, 1.0) and not is_sampled(number, 0.0) for number in (0, 1, 2**64 - 1, 2**128 - 1))
    step = 2**64 // 1000
    assert sum(is_sampled(number * step + 1, 0.25) for number in range(1000)) in (250, 251)


async def test_a_request_its_job_and_the_events_of_that_share_one_trace(observing, lines):
    Worker.seen.clear()
    async with observing(TracedController, Worker, plugins=[JobPlugin()], http=TRUSTING) as client:
        carrier = (await client.get("/ids", headers={"traceparent": PARENT, "tracestate": "a=1"})).json()
        sent = {name: carrier[name] for name in ("traceparent", "tracestate")}
        assert await edge_of(client.app).send("ship", sent) == "shipped"
        told = {line["message"]: line for line in lines.operations}
    assert {line["trace_id"] for line in told.values()} == {TRACE}
    assert len({line["span_id"] for line in told.values()}) == 3
    event, job = Worker.seen
    assert event["traceparent"].split("-")[2] == told["events.dispatch"]["span_id"]
    assert job["traceparent"].split("-")[2] == told["queue.job"]["span_id"]
    assert event["tracestate"] == job["tracestate"] == "a=1"


async def test_outside_of_a_unit_of_work_there_is_no_trace(observing):
    async with observing(TracedController) as client:
        await client.get("/ids")
        assert current_trace() is None
        assert outgoing_trace() == {}


async def test_trace_headers_can_be_left_out(observing):
    async with observing(TracedController, trace_headers=False) as client:
        answer = await client.get("/ids")
    assert "x-trace-id" not in answer.headers
    assert "traceresponse" not in answer.headers

"""Each unit of work on any edge writes exactly one line: its name, its fields, how it ended, whose trace it is."""

import asyncio
import logging
import re

import httpx
import pytest
from observed_edge import JobPlugin, Worker, edge_of

from nestpy_core import use_guards
from nestpy_http import FileResponse, HttpError, controller, get, post
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

FIELDS = [
    *("timestamp", "level", "logger", "message"),
    *("method", "path", "route", "status", "bytes", "client_ip", "forwarded", "user_agent", "duration_ms"),
    *("trace_flags", "trace_id", "span_id"),
]


class Ada:
    id = "ada"
    roles = ("admin",)


class Knows:
    def can_activate(self, context):
        context.actor = Ada()
        return True


class Refuses:
    def can_activate(self, context):
        return False


@controller("/")
class ObservedController:
    @get("/users/{user_id}")
    async def user(self, user_id: int) -> dict[str, int]:
        return {"id": user_id}

    @post("/broken")
    async def broken(self) -> None:
        raise RuntimeError("boom")

    @get("/teapot")
    async def teapot(self) -> str:
        raise HttpError(status=418)

    @use_guards(Refuses)
    @get("/refused")
    async def refused(self) -> str:
        return "never"

    @use_guards(Knows)
    @get("/mine")
    async def mine(self) -> str:
        return "mine"

    @get("/stream")
    async def stream(self):
        yield "one"
        yield "two"

    @get("/file")
    async def file(self) -> FileResponse:
        return FileResponse(__file__)

    @get("/slow")
    async def slow(self) -> str:
        await asyncio.sleep(60)
        return "never"


async def test_a_request_writes_one_line_with_its_fields_in_order(observing, lines):
    async with observing(ObservedController) as client:
        answer = await client.get(
            "/users/7?token=hidden", headers={"user-agent": "curl/8", "x-forwarded-for": "9.9.9.9"}
        )
        [line] = lines.operations
    assert list(line) == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line.pop("trace_id") == answer.headers["x-trace-id"]
    assert re.fullmatch("[0-9a-f]{16}", line.pop("span_id"))
    assert 0 < line.pop("duration_ms") < 5000
    assert line == {
        "level": "info",
        "logger": "nestpy.operation",
        "message": "http.request",
        "method": "GET",
        "path": "/users/7",
        "route": "/users/{user_id}",
        "status": 200,
        "bytes": 8,
        "client_ip": "127.0.0.1",
        "forwarded": "9.9.9.9",
        "user_agent": "curl/8",
        "trace_flags": "00",
    }


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside other handlers"])
async def test_however_a_request_ends_it_writes_one_line(observing, lines, monkeypatch, alone):
    if alone:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
    asked = [
        ("GET", "/users/1", 200),
        ("HEAD", "/users/1", 200),
        ("GET", "/users/x", 400),
        ("DELETE", "/users/1", 405),
        ("GET", "/nowhere", 404),
        ("BREW", "/users/1", 501),
        ("POST", "/broken", 500),
        ("GET", "/teapot", 418),
        ("GET", "/refused", 403),
        ("GET", "/stream", 200),
        ("GET", "/slow", 503),
    ]
    async with observing(ObservedController, http={"request_timeout": 0.2}) as client:
        ids = [(await client.request(method, path)).headers["x-trace-id"] for method, path, _ in asked]
        told = lines.operations
    assert [(line["method"], line["path"], line["status"]) for line in told] == asked
    assert [line["trace_id"] for line in told] == ids
    assert told[9]["bytes"] == 6


async def over_granian(app):
    async with TestApp(app).listening() as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        return [await client.request(method, path) for method, path in SENT]


async def over_asgi(app):
    async with (
        app.create_context(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client,
    ):
        return [await client.request(method, path) for method, path in SENT]


SENT = [("GET", "/stream"), ("GET", "/file"), ("HEAD", "/file"), ("GET", "/users/1"), ("GET", "/nowhere")]


@pytest.mark.parametrize("ask", [over_granian, over_asgi])
async def test_lines_tell_what_a_real_server_sent(make_app, lines, ask):
    answers = await ask(make_app(ObservedController, log_format="json"))
    told = {line["trace_id"]: line for line in lines.operations}
    for answer in answers:
        [trace] = answer.headers.get_list("x-trace-id")
        assert told[trace]["status"] == answer.status_code
        assert told[trace]["bytes"] == len(answer.content), told[trace]
        assert answer.headers["traceresponse"].split("-")[1] == trace
    assert len(answers[1].content) > 1000


async def test_the_actor_stands_in_each_line_once_a_guard_knows_them(observing, lines):
    async with observing(ObservedController) as client:
        await client.get("/mine")
        assert lines.last()["actor_id"] == "ada"
        await client.get("/users/1")
        assert "actor_id" not in lines.last()


async def test_an_error_line_belongs_to_the_trace_of_its_request(observing, lines):
    async with observing(ObservedController) as client:
        answer = await client.post("/broken")
    [error] = lines.of("nestpy.http")
    assert (error["level"], error["trace_id"]) == ("error", answer.headers["x-trace-id"])
    assert error["exception"].endswith("RuntimeError: boom")
    assert lines.last()["level"] == "info"


async def test_jobs_ticks_and_events_write_lines_of_the_same_shape(observing, lines):
    async with observing(Worker, plugins=[JobPlugin()]) as client:
        edge = edge_of(client.app)
        await edge.send("ship", {})
        await edge.send("fail", {})
        told = lines.operations
    assert [(line["message"], line["operation"], line["outcome"]) for line in told] == [
        ("events.dispatch", "shipped", "ok"),
        ("queue.job", "ship", "ok"),
        ("queue.job", "fail", "error"),
    ]
    assert all(len(line["trace_id"]) == 32 and line["duration_ms"] >= 0 for line in told)


async def test_a_cancelled_job_says_so(observing, lines):
    async with observing(Worker, plugins=[JobPlugin()]) as client:
        job = asyncio.create_task(edge_of(client.app).send("wait", {}))
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.wait([job])
    assert lines.last()["outcome"] == "cancelled"


async def test_operations_are_silent_above_their_level_and_where_they_are_off(observing, lines):
    for options in ({"log_level": "warning"}, {"operations": False}):
        async with observing(ObservedController, **options) as client:
            await client.get("/users/1")
    assert lines.operations == []


async def test_an_edge_that_fails_to_describe_itself_fails_no_call(observing, lines):
    async with observing(Worker, plugins=[JobPlugin(broken=True)]) as client:
        for _ in range(2):
            assert await edge_of(client.app).send("ship", {}) == "shipped"
    assert len(lines.of("nestpy.telemetry")) == 1

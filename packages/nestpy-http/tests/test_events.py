"""Event streams are written as browsers read them, stay alive, end, and never outlive their client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from nestpy_core import blocking
from nestpy_http import (
    ConflictError,
    Header,
    HttpClient,
    HttpContext,
    ResponseError,
    ServerEvent,
    controller,
    get,
    produces,
    sse,
)

pytestmark = pytest.mark.anyio


class Point(msgspec.Struct):
    x: int


@controller("/")
class EventsController:
    def __init__(self) -> None:
        self.closed: list[str] = []
        self.tasks: set[Any] = set()

    @sse("/events")
    async def events(self, last_event_id: Header[str | None] = None) -> AsyncIterator[Any]:
        yield "text\nin two lines\r\nor three"
        yield {"a": 1}
        yield Point(2)
        yield ServerEvent("", event="end", id=last_event_id or "none", retry=1500)

    @sse("/idle")
    async def idle(self) -> AsyncIterator[str]:
        self.tasks.add(asyncio.current_task())
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.tasks.add(asyncio.current_task())
            self.closed.append("idle")

    @sse("/silent")
    async def silent(self) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"

    @sse("/early")
    async def early(self) -> AsyncIterator[str]:
        raise ConflictError("too early")
        yield "never"

    @sse("/late")
    async def late(self) -> AsyncIterator[str]:
        yield "one"
        raise ValueError("canary")

    @sse("/nothing")
    async def nothing(self) -> AsyncIterator[str]:
        return
        yield "never"

    @sse("/drafted")
    async def drafted(self, context: HttpContext) -> AsyncIterator[str]:
        context.response.set("x-a", "1")
        yield "x"

    @sse("/injected")
    async def injected(self) -> AsyncIterator[ServerEvent]:
        yield ServerEvent("fine")
        yield ServerEvent("x", id="1\ndata: forged")


async def test_values_are_messages(serving):
    async with serving(EventsController) as client:
        answer = await client.get("/events", headers={"last-event-id": "41"})
        assert answer.headers.get_all("content-type") == ["text/event-stream"]
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
        assert answer.text == (
            ":\n\n"
            "data: text\ndata: in two lines\ndata: or three\n\n"
            'data: {"a":1}\n\n'
            'data: {"x":2}\n\n'
            "event: end\nid: 41\nretry: 1500\ndata: \n\n"
        )
        assert (await client.get("/nothing")).text == ":\n\n"
        assert (await client.get("/drafted")).headers["x-a"] == "1"
        head = await client.head("/events")
        assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_line_breaks_in_event_and_id_are_refused(field, text):
    with pytest.raises(ResponseError, match=field):
        ServerEvent("x", **{field: text})


async def test_idle_stream_begins_at_once_and_is_kept_alive(serving):
    async with serving(EventsController, sse_keep_alive=0.01) as client, client.stream("GET", "/silent") as answer:
        assert answer.status == 200
        chunks = aiter(answer)
        assert [await anext(chunks) for _ in range(3)] == [b":\n\n"] * 3


async def test_stream_ends_after_its_lifetime_and_closes_its_generator_in_the_task_that_ran_it(make_app):
    app = make_app(EventsController, sse_lifetime=0.05)
    async with app.create_context() as context:
        answer = await HttpClient(app.__rsgi__).get("/idle")
        assert answer.text == ":\n\ndata: first\n\n"
        host = await context.get(EventsController)
        assert (host.closed, len(host.tasks)) == (["idle"], 1)


async def test_deadline_of_requests_does_not_end_a_stream_that_has_begun(serving):
    async with serving(EventsController, request_timeout=0.05, sse_keep_alive=0.1, sse_lifetime=1.5) as client:
        answer = await client.get("/silent")
        assert (answer.status, len(answer.content) > 3 * 8) == (200, True)


async def test_client_that_leaves_an_idle_stream_closes_it_by_the_next_keep_alive(make_app, caplog):
    app = make_app(EventsController, sse_keep_alive=0.01)
    async with app.create_context() as context:
        async with HttpClient(app.__rsgi__).stream("GET", "/idle") as answer:
            await anext(aiter(answer))
        assert (await context.get(EventsController)).closed == ["idle"]
    assert not caplog.records


async def test_failure_before_the_first_event_is_honest_and_a_later_one_cuts_the_stream(serving, caplog):
    async with serving(EventsController) as client:
        assert (await client.get("/early")).status == 409
        for path in ("/late", "/injected"):
            with pytest.raises(Exception, match="stream") as caught:
                await client.get(path)
            assert "canary" not in str(caught.value)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


def test_event_route_that_is_no_async_generator_does_not_boot(boot_problems):
    @controller("/")
    class NoEventsController:
        @sse("/events")
        async def events(self) -> str:
            return ""

    (problem,) = boot_problems(NoEventsController)
    assert "is an `@sse` route and no async generator" in problem


@controller("/")
class StreamsController:
    closed = 0

    @get("/points")
    async def points(self) -> AsyncIterator[Point]:
        yield Point(1)
        yield Point(2)

    @get("/sync")
    def sync(self) -> Iterator[str]:
        try:
            yield "a"
            yield "é"
        finally:
            StreamsController.closed += 1

    @get("/blocking")
    @blocking
    def blocking(self) -> Iterator[Point]:
        yield Point(1)

    @get("/csv")
    @produces("text/csv; charset=utf-8")
    async def csv(self) -> AsyncIterator[str]:
        yield "a,b\r\n"


async def test_generators_stream_lines_of_json_or_chunks_of_their_type(serving):
    async with serving(StreamsController) as client:
        points = await client.get("/points")
        assert (points.headers["content-type"], points.text) == ("application/jsonl", '{"x":1}\n{"x":2}\n')
        sync = await client.get("/sync")
        assert (sync.headers["content-type"], sync.text) == ("application/octet-stream", "aé")
        assert (await client.get("/blocking")).text == '{"x":1}\n'
        assert (await client.get("/csv")).headers.get_all("content-type") == ["text/csv; charset=utf-8"]
        await client.head("/sync")
        assert StreamsController.closed == 2

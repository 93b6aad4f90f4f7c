"""Operations answered as server-sent events: every result, an end that is told, and streams that do not stay."""

import asyncio
import contextlib
import json

import pytest

from nestpy_core import App, Clock, provide
from nestpy_graphql._sse import SseLimits, events, wants_events
from nestpy_http import HttpClient
from nestpy_testing import FakeClock

pytestmark = pytest.mark.anyio

EVENTS = {"accept": "text/event-stream"}


class Events:
    """What one stream has sent so far, in events; a comment is ``None``."""

    def __init__(self, stream):
        self.stream = stream
        self.chunks = aiter(stream)
        self.text = ""

    async def next(self):
        while "\n\n" not in self.text:
            self.text += (await anext(self.chunks)).decode()
        block, _, self.text = self.text.partition("\n\n")
        if block == ":":
            return None
        fields = dict(line.split(":", 1) for line in block.split("\n"))
        data = fields["data"].strip()
        return fields["event"].strip(), json.loads(data) if data else None

    async def rest(self):
        found = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                found.append(await self.next())
        return found


@pytest.fixture
def serving(standin):
    @contextlib.asynccontextmanager
    async def serve(clock=None, **limits):
        clock = clock or FakeClock()
        app = App(standin.AppModule, environ={"NESTPY_ENV": "test"}, overrides=[provide(Clock, use_value=clock)])
        async with app.create_context() as context:
            (await context.get(standin.Limits)).sse = SseLimits(**limits)
            client = HttpClient(app.__rsgi__)
            client.clock, client.seen = clock, await context.get(standin.Seen)
            yield client

    return serve


@contextlib.asynccontextmanager
async def asked(client, query, **variables):
    body = {"query": query, "variables": variables}
    async with client.stream("POST", "/graphql", json=body, headers=EVENTS) as stream:
        assert (stream.status, stream.media_type) == (200, "text/event-stream")
        assert stream.headers.get("cache-control") == "no-cache"
        found = Events(stream)
        assert await found.next() is None or query == "{ nothing }"
        yield found


async def until(seen, claim):
    async with asyncio.timeout(30):
        while not claim(seen):
            await seen.moved.wait()


async def test_a_subscription_gives_every_result_and_the_end(serving):
    async with (
        serving() as client,
        asked(client, "subscription C($to: Int!) { count(to: $to) }", to=3) as found,
    ):
        assert await found.rest() == [
            *(("next", {"data": {"count": number}}) for number in range(3)),
            ("complete", None),
        ]
        await until(client.seen, lambda seen: seen.closed == 1)


async def test_a_query_is_one_event_and_without_the_header_one_answer(serving):
    async with serving() as client:
        async with asked(client, "{ hello }") as found:
            assert await found.rest() == [("next", {"data": {"hello": "Hello world"}}), ("complete", None)]
        assert (await client.post("/graphql", json={"query": "{ hello }"})).json() == {"data": {"hello": "Hello world"}}


async def test_what_does_not_begin_is_told_in_the_stream(serving):
    body = {"query": "{ nothing }"}
    async with serving() as client, client.stream("POST", "/graphql", json=body, headers=EVENTS) as stream:
        [comment, event, last] = await Events(stream).rest()
        assert comment is None
        assert event[0] == "next"
        assert event[1]["errors"][0]["message"].startswith("Cannot query field")
        assert last == ("complete", None)


async def test_a_failing_event_is_one_result_and_a_failing_source_ends_the_stream_without_its_reason(serving):
    async with serving() as client:
        async with asked(client, "subscription { picky }") as found:
            assert [(await found.next())[1]["data"] for _ in range(3)] == [
                {"picky": "good"},
                {"picky": None},
                {"picky": "again"},
            ]
        async with asked(client, "subscription { broken }") as found:
            assert await found.rest() == [
                ("next", {"data": {"broken": "fine"}}),
                ("next", {"errors": [{"message": "Internal server error", "extensions": {"code": "INTERNAL"}}]}),
                ("complete", None),
            ]


async def test_a_quiet_stream_is_kept_alive_by_comments(serving):
    async with serving(keep_alive=15) as client, asked(client, "subscription { endless }") as found:
        assert (await found.next())[1] == {"data": {"endless": "first"}}
        await client.clock.advance(14)
        assert found.text == ""
        for _ in range(3):
            await client.clock.advance(15.5)
            assert await found.next() is None


async def test_a_stream_ends_with_its_lifetime_without_saying_that_it_is_complete(serving):
    async with serving(lifetime=60, keep_alive=100) as client, asked(client, "subscription { endless }") as found:
        assert (await found.next())[0] == "next"
        await client.clock.advance(60)
        assert await found.rest() == []
        await until(client.seen, lambda seen: seen.closed == 1)


async def test_a_client_that_goes_ends_its_operation(serving):
    async with serving(Clock(), keep_alive=0.01) as client:
        before = asyncio.all_tasks()
        for number in range(1, 51):
            async with asked(client, "subscription { endless }") as found:
                assert (await found.next())[0] == "next"
            await until(client.seen, lambda seen, number=number: seen.closed == number)
        assert client.seen.open == 0
        assert asyncio.all_tasks() == before


class Source:
    """Results without end, which counts how many were taken."""

    def __init__(self):
        self.taken = 0
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.taken += 1
        return {"data": self.taken}

    async def aclose(self):
        self.closed = True


async def test_results_are_taken_only_as_fast_as_they_are_sent():
    source = Source()
    stream = events(source, FakeClock(), SseLimits())
    for _ in range(5):
        await anext(stream)
        for _ in range(20):
            await asyncio.sleep(0)
    assert source.taken <= 8
    await stream.aclose()
    assert source.closed


async def test_a_draining_app_ends_its_streams():
    clock, ending = FakeClock(), []

    async def forever():
        await asyncio.Event().wait()
        yield {}

    stream = events(forever(), clock, SseLimits(), lambda: bool(ending))
    assert await anext(stream) == b":\n\n"
    waiting = asyncio.ensure_future(anext(stream, None))
    await clock.advance(5)
    assert not waiting.done()
    ending.append(1)
    await clock.advance(1)
    assert await waiting is None


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/event-stream", True),
        ("Text/Event-Stream; q=0.5, application/json", True),
        ("application/json, text/event-stream;charset=utf-8;q=1.0", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.000", False),
        ("text/event-streams", False),
    ],
)
async def test_only_a_client_that_names_event_streams_is_given_one(accept, wanted):
    assert wants_events(accept) is wanted

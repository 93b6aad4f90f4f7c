"""graphql-transport-ws, message by message: operations, close codes, limits, and nothing that stays behind."""

import asyncio
import contextlib
import json

import pytest

from nestpy_core import App, Clock, provide
from nestpy_graphql._transport_ws import SocketLimits
from nestpy_http import HttpClient, SocketClosedError
from nestpy_testing import FakeClock

pytestmark = pytest.mark.anyio

PLAIN = {"NESTPY_ENV": "test"}
SUBPROTOCOL = "graphql-transport-ws"


class Talk:
    """A connection, message by message."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, kind, id=None, **payload):
        message = {"type": kind, **({"id": id} if id else {}), **({"payload": payload} if payload else {})}
        await self.socket.send(json.dumps(message))

    async def hear(self):
        return json.loads(await self.socket.receive())

    async def begin(self):
        await self.say("connection_init")
        assert await self.hear() == {"type": "connection_ack"}
        return self

    async def subscribe(self, id, query, **more):
        await self.say("subscribe", id, query=query, **more)

    async def all_of(self, id):
        """Return what one operation sends, up to its end."""
        heard = []
        while not heard or heard[-1]["type"] == "next":
            heard.append(await self.hear())
            assert heard[-1]["id"] == id
        return heard

    async def closed(self):
        with pytest.raises(SocketClosedError) as caught:
            while True:
                await self.socket.receive()
        return caught.value.code, caught.value.reason


class Served:
    def __init__(self, app, context, clock, seen):
        self.client = HttpClient(app.__rsgi__, asgi=app)
        self.context = context
        self.clock = clock
        self.seen = seen

    @contextlib.asynccontextmanager
    async def connected(self, subprotocols=(SUBPROTOCOL,)):
        async with self.client.websocket("/graphql", subprotocols=subprotocols) as socket:
            yield Talk(socket)

    @contextlib.asynccontextmanager
    async def begun(self):
        async with self.connected() as talk:
            yield await talk.begin()

    async def until(self, claim):
        async with asyncio.timeout(30):
            while not claim(self.seen):
                await self.seen.moved.wait()


@pytest.fixture
def serving(standin):
    @contextlib.asynccontextmanager
    async def serve(**limits):
        clock = FakeClock()
        overrides = [provide(Clock, use_value=clock)]
        app = App(standin.AppModule, environ=PLAIN, overrides=overrides)
        async with app.create_context() as context:
            (await context.get(standin.Limits)).socket = SocketLimits(**limits)
            yield Served(app, context, clock, await context.get(standin.Seen))

    return serve


async def test_a_subscription_gives_every_result_and_completes(serving):
    async with serving() as served, served.begun() as talk:
        assert talk.socket.subprotocol == SUBPROTOCOL
        await talk.subscribe("a", "subscription Count($to: Int!) { count(to: $to) }", variables={"to": 3})
        assert await talk.all_of("a") == [
            *({"id": "a", "type": "next", "payload": {"data": {"count": number}}} for number in range(3)),
            {"id": "a", "type": "complete"},
        ]
        await served.until(lambda seen: seen.closed == 1)


async def test_queries_run_over_the_socket_and_an_ended_name_is_free_again(serving):
    async with serving() as served, served.begun() as talk:
        for name in ("Ada", "Grace"):
            await talk.subscribe(
                "q",
                "query One { hello } query Two($n: String) { hello(name: $n) }",
                variables={"n": name},
                operationName="Two",
            )
            [answer, _] = await talk.all_of("q")
            assert answer["payload"] == {"data": {"hello": f"Hello {name}"}}


async def test_what_does_not_begin_is_an_error_and_the_connection_goes_on(serving):
    async with serving() as served, served.begun() as talk:
        for query, start in (("{ nothing }", "Cannot query field"), ("{", "Syntax Error")):
            await talk.subscribe("e", query)
            [answer] = await talk.all_of("e")
            assert answer["type"] == "error"
            assert answer["payload"][0]["message"].startswith(start)


async def test_an_event_that_fails_is_one_result_and_a_source_that_fails_ends_the_operation_without_its_reason(serving):
    async with serving() as served, served.begun() as talk:
        await talk.subscribe("p", "subscription { picky }")
        heard = [(await talk.hear())["payload"] for _ in range(3)]
        assert [one["data"] for one in heard] == [{"picky": "good"}, {"picky": None}, {"picky": "again"}]
        assert heard[1]["errors"][0]["message"] == "this one not"
        await talk.subscribe("b", "subscription { broken }")
        heard = await talk.all_of("b")
        assert [one["type"] for one in heard] == ["next", "error"]
        assert heard[1]["payload"] == [{"message": "Internal server error", "extensions": {"code": "INTERNAL"}}]


async def test_complete_closes_the_generator_and_frees_the_name(serving):
    async with serving() as served, served.begun() as talk:
        for turn in (1, 2):
            await talk.subscribe("s", "subscription { endless }")
            assert (await talk.hear())["payload"] == {"data": {"endless": "first"}}
            await talk.say("complete", "s")
            await served.until(lambda seen, turn=turn: seen.closed == turn)
        await talk.say("complete", "unknown")
        await talk.say("ping")
        assert await talk.hear() == {"type": "pong"}


async def test_leaving_closes_every_generator(serving):
    async with serving() as served:
        async with served.begun() as talk:
            for number in range(10):
                await talk.subscribe(f"s{number}", "subscription { endless }")
                assert (await talk.hear())["type"] == "next"
            assert served.seen.open == 10
        await served.until(lambda seen: seen.closed == 10)


async def test_pings_are_answered_with_their_payload_before_and_after_the_start(serving):
    async with serving() as served, served.connected() as talk:
        await talk.say("ping", at=7)
        assert await talk.hear() == {"type": "pong", "payload": {"at": 7}}
        await talk.begin()
        await talk.say("pong")
        await talk.say("ping")
        assert await talk.hear() == {"type": "pong"}


SUBSCRIBE = {"type": "subscribe", "id": "s", "payload": {"query": "subscription { endless }"}}
INIT = {"type": "connection_init"}
CLOSINGS = {
    "before the start": ([SUBSCRIBE], 4401, "Unauthorized"),
    "two starts": ([INIT, INIT], 4429, "Too many initialisation requests"),
    "a name in use": ([INIT, SUBSCRIBE, SUBSCRIBE], 4409, "Subscriber for s already exists"),
    "no JSON": (["{"], 4400, "Invalid message received"),
    "deep JSON": (["[" * 100_000], 4400, "Invalid message received"),
    "a list": (["[]"], 4400, "Invalid message received"),
    "bytes": ([b"{}"], 4400, "Messages are text"),
    "an unknown type": ([{"type": "start"}], 4400, "Invalid message received"),
    "no type": ([{"id": "s"}], 4400, "Invalid message received"),
    "a message of the server": ([INIT, {"type": "connection_ack"}], 4400, "Invalid message received"),
    "a start with a list": ([{**INIT, "payload": []}], 4400, "Invalid message received"),
    "no name": ([INIT, {**SUBSCRIBE, "id": None}], 4400, "`id` of `subscribe` must be a text that is not empty"),
    "an empty name": ([INIT, {**SUBSCRIBE, "id": ""}], 4400, "`id` of `subscribe` must be a text that is not empty"),
    "a number as name": ([INIT, {**SUBSCRIBE, "id": 7}], 4400, "Invalid message received"),
    "no payload": ([INIT, {**SUBSCRIBE, "payload": None}], 4400, "`payload` of `subscribe` is no operation"),
    "no query": ([INIT, {**SUBSCRIBE, "payload": {}}], 4400, "`payload` of `subscribe` is no operation"),
    "odd variables": (
        [INIT, {**SUBSCRIBE, "payload": {"query": "{ hello }", "variables": []}}],
        4400,
        "`payload` of `subscribe` is no operation",
    ),
    "a nameless end": ([INIT, {"type": "complete"}], 4400, "`complete` has no `id`"),
}


@pytest.mark.parametrize("case", CLOSINGS)
async def test_what_the_protocol_forbids_closes_with_its_code(serving, case):
    messages, code, reason = CLOSINGS[case]
    async with serving() as served, served.connected() as talk:
        for message in messages:
            await talk.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        assert await talk.closed() == (code, reason)
        await served.until(lambda seen: seen.open == 0)


@pytest.mark.parametrize("offered", [(), ("graphql-ws",), ("chat", "soap")], ids=str)
async def test_another_subprotocol_is_closed_with_4406(serving, offered):
    async with serving() as served, served.connected(offered) as talk:
        assert talk.socket.subprotocol is None
        assert await talk.closed() == (4406, "Subprotocol not acceptable")


async def test_who_says_nothing_is_closed_after_the_init_timeout_and_who_began_is_not(serving):
    async with serving() as served, served.connected() as silent, served.begun() as begun:
        await served.clock.advance(9.9)
        assert not silent.socket._closed
        await served.clock.advance(0.2)
        assert await silent.closed() == (4408, "Connection initialisation timeout")
        await begun.say("ping")
        assert await begun.hear() == {"type": "pong"}


async def test_a_connection_ends_with_its_lifetime_however_busy_it_is(serving):
    async with serving(lifetime=3600) as served, served.begun() as talk:
        await talk.subscribe("s", "subscription { endless }")
        assert (await talk.hear())["type"] == "next"
        await served.clock.advance(3600)
        assert await talk.closed() == (1001, "connect again")
        await served.until(lambda seen: seen.closed == 1)


async def test_one_operation_too_many_is_an_error_of_its_own(serving):
    async with serving() as served, served.begun() as talk:
        for number in range(100):
            await talk.subscribe(f"s{number}", "subscription { endless }")
            assert (await talk.hear())["type"] == "next"
        await talk.subscribe("more", "{ hello }")
        answer = await talk.hear()
        assert (answer["id"], answer["type"]) == ("more", "error")
        assert answer["payload"][0]["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        await talk.say("complete", "s7")
        await served.until(lambda seen: seen.closed == 1)
        await talk.subscribe("more", "{ hello }")
        assert [one["type"] for one in await talk.all_of("more")] == ["next", "complete"]


async def test_a_client_that_does_not_read_is_closed_once_a_mebibyte_waits_for_it(serving):
    async with serving(patience=0.001) as served, served.begun() as talk:
        await talk.subscribe("f", "subscription { flood(size: 50000) }")
        await served.until(lambda seen: seen.closed == 1)
        assert await talk.closed() == (1008, "too slow")


async def test_a_client_that_reads_gets_any_amount_from_a_source_that_never_waits(serving):
    async with serving(queued_bytes=4000, patience=30) as served, served.begun() as talk:
        await talk.subscribe("c", "subscription { count(to: 1000) }")
        for number in range(1000):
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await talk.hear())["payload"] == {"data": {"count": number}}
        assert (await talk.hear())["type"] == "complete"


async def test_one_message_may_be_larger_than_what_may_wait(serving):
    async with serving(queued_bytes=1000, patience=30) as served, served.begun() as talk:
        await talk.subscribe("f", "subscription { flood(size: 50000) }")
        for _ in range(3):
            assert len((await talk.hear())["payload"]["data"]["flood"]) == 50000


@pytest.mark.timeout(180)
async def test_a_thousand_connections_leave_no_task_and_no_generator_behind(serving):
    async with serving() as served:
        before = asyncio.all_tasks()
        for number in range(1000):
            async with served.begun() as talk:
                await talk.subscribe("s", "subscription { endless }")
                assert (await talk.hear())["type"] == "next"
                if number % 3 == 0:
                    await talk.say("complete", "s")
        await served.until(lambda seen: seen.closed == 1000)
        assert asyncio.all_tasks() == before
        assert served.seen.open == 0
        assert served.clock.sleepers == 0


async def test_the_app_ends_with_open_subscriptions(standin):
    async with contextlib.AsyncExitStack() as left:
        app = App(standin.AppModule, environ=PLAIN)
        async with app.create_context() as context:
            seen = await context.get(standin.Seen)
            client = HttpClient(app.__rsgi__, asgi=app)
            socket = await left.enter_async_context(client.websocket("/graphql", subprotocols=[SUBPROTOCOL]))
            talk = await Talk(socket).begin()
            await talk.subscribe("s", "subscription { endless }")
            assert (await talk.hear())["type"] == "next"
        assert seen.open == 0
        assert await talk.closed() == (1001, "the server stops")

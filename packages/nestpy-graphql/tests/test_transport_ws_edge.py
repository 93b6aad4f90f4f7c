"""Subscriptions of real resolvers over the transports: guards, limits and errors are those of any operation."""

import asyncio
import contextlib
import importlib.util
import json
from pathlib import Path

import pytest

from nestpy_core import App
from nestpy_http import HandshakeError, HttpClient

pytestmark = pytest.mark.anyio

SUBPROTOCOL = "graphql-transport-ws"


@pytest.fixture(scope="module")
def resolved():
    path = Path(__file__).parent / "transports" / "resolved.py"
    spec = importlib.util.spec_from_file_location("graphql_transports_resolved", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def serving(resolved):
    @contextlib.asynccontextmanager
    async def serve(**environ):
        app = App(resolved.AppModule, environ={"NESTPY_ENV": "test", **environ})
        async with app.create_context() as context:
            client = HttpClient(app.__rsgi__, asgi=app)
            client.seen = await context.get(resolved.Seen)
            yield client

    return serve


@contextlib.asynccontextmanager
async def begun(client, headers=(), **parameters):
    async with client.websocket("/graphql", subprotocols=[SUBPROTOCOL], headers=headers) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": parameters}))
        assert json.loads(await socket.receive()) == {"type": "connection_ack"}
        yield socket


async def all_of(socket, query, **variables):
    """Return the payloads that an operation sends, and what ends it."""
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"type": "subscribe", "id": "s", "payload": payload}))
    found = []
    while True:
        message = json.loads(await socket.receive())
        if message["type"] != "next":
            return found, message.get("payload", message["type"])
        found.append(message["payload"])


async def test_subscriptions_and_queries_of_resolvers_run_over_a_socket(serving):
    async with serving() as client, begun(client) as socket:
        found, end = await all_of(socket, "subscription C($to: Int!) { count(to: $to) }", to=3)
        assert ([one["data"]["count"] for one in found], end) == ([0, 1, 2], "complete")
        found, end = await all_of(socket, '{ hello(name: "Ada") }')
        assert (found, end) == ([{"data": {"hello": "Hello Ada"}}], "complete")


async def test_a_field_that_fails_in_one_event_is_null_in_that_event_alone(serving):
    async with serving() as client, begun(client) as socket:
        found, end = await all_of(socket, "subscription { moods { loud } }")
        assert [one["data"]["moods"]["loud"] for one in found] == ["GOOD", None, "AGAIN"]
        assert [one["extensions"]["code"] for one in found[1]["errors"]] == ["NOT_FOUND"]
        assert end == "complete"


async def test_a_source_that_fails_tells_nobody_why(serving):
    async with serving() as client, begun(client) as socket:
        found, end = await all_of(socket, "subscription { broken }")
        assert found[0] == {"data": {"broken": "fine"}}
        assert "canary" not in json.dumps([found, end])


async def test_a_guard_stands_before_the_subscription(serving):
    async with serving() as client:
        async with begun(client) as socket:
            found, end = await all_of(socket, "subscription { secrets }")
            assert found == []
            assert [one["extensions"]["code"] for one in end] == ["UNAUTHENTICATED"]
        async with begun(client, headers={"x-key": "right"}) as socket:
            assert (await all_of(socket, "subscription { secrets }"))[0] == [{"data": {"secrets": "secret"}}]


async def test_limits_hold_over_the_socket_as_over_http(serving):
    query = "subscription { moods { word } }"
    async with serving(NESTPY_GRAPHQL__MAX_DEPTH="1") as client, begun(client) as socket:
        found, end = await all_of(socket, query)
        assert found == []
        assert end[0]["extensions"]["code"]
        async with client.stream(
            "POST", "/graphql", json={"query": query}, headers={"accept": "text/event-stream"}
        ) as stream:
            text = (await stream.read()).decode()
        assert json.loads(text.split("data: ")[1].split("\n")[0])["errors"] == end


async def test_what_a_client_sent_at_the_start_reaches_resolvers_and_leaving_ends_them(serving):
    async with serving() as client:
        async with begun(client, token="t") as socket:
            payload = {"query": "subscription { endless }"}
            await socket.send(json.dumps({"type": "subscribe", "id": "s", "payload": payload}))
            assert json.loads(await socket.receive())["payload"] == {"data": {"endless": "t"}}
            assert client.seen.open == 1
        async with asyncio.timeout(30):
            while client.seen.open:
                await client.seen.moved.wait()


async def test_server_sent_events_carry_the_same(serving):
    body = {"query": "subscription { count(to: 2) }"}
    async with (
        serving() as client,
        client.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as stream,
    ):
        assert (stream.status, stream.media_type) == (200, "text/event-stream")
        events = [block for block in (await stream.read()).decode().split("\n\n") if block.strip(":")]
        assert events == [
            'event: next\ndata: {"data":{"count":0}}',
            'event: next\ndata: {"data":{"count":1}}',
            "event: complete\ndata:",
        ]


async def test_without_subscriptions_there_is_no_socket_and_the_app_stays_with_rsgi(app_of):
    from nestpy_core import public
    from nestpy_graphql import query, resolver

    @public
    @resolver()
    class Plain:
        @query()
        async def hello(self) -> str:
            return "hello"

    app = app_of(Plain)
    assert app.edges[0].name != "http" or app.edges[0].open_sockets is None
    async with app.create_context():
        client = HttpClient(app.__rsgi__, asgi=app)
        with pytest.raises(HandshakeError):
            async with client.websocket("/graphql", subprotocols=[SUBPROTOCOL]):
                pass


@pytest.mark.parametrize(("environment", "shown"), [("development", True), ("production", False)])
async def test_browsers_are_shown_the_explorer_in_development_alone(serving, environment, shown):
    async with serving(NESTPY_ENV=environment) as client:
        page = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
        assert (page.media_type == "text/html") is shown
        asset = await client.get("/graphql/explorer/graphiql.min.js")
        assert asset.status == (200 if shown else 404)
        if shown:
            assert "script-src 'self'" in page.headers.get("content-security-policy")

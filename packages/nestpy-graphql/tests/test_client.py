"""The test kit's client: what it asks and subscribes to, as a test of an app writes it."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

from nestpy_http import HandshakeError, SocketClosedError
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def resolved():
    path = Path(__file__).parent / "transports" / "resolved.py"
    spec = importlib.util.spec_from_file_location("graphql_client_resolved", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def app(resolved):
    async with TestApp(resolved.AppModule) as app:
        yield app


async def test_a_subscription_gives_its_events_and_ends_where_it_ends(app):
    document = "subscription C($to: Int!) { count(to: $to) } subscription D { broken }"
    async with app.graphql.subscribe(document, {"to": 3}, operation_name="C") as events:
        assert [one.data async for one in events] == [{"count": 0}, {"count": 1}, {"count": 2}]
    async with app.graphql.subscribe("subscription { moods { loud } }") as events:
        found = [one async for one in events]
    assert [one.codes for one in found] == [[], ["NOT_FOUND"], []]


async def test_leaving_the_block_ends_the_subscription_in_the_app(app, resolved):
    seen = await app.get(resolved.Seen)
    async with app.graphql.subscribe("subscription { endless }", parameters={"token": "t"}) as events:
        assert (await anext(events)).data == {"endless": "t"}
        assert seen.open == 1
    async with asyncio.timeout(30):
        while seen.open:
            await seen.moved.wait()


async def test_what_refuses_a_subscription_is_a_result_with_its_code(app):
    async with app.graphql.subscribe("subscription { secrets }") as events:
        assert [one.codes async for one in events] == [["UNAUTHENTICATED"]]
    async with app.graphql.subscribe("subscription { secrets }", headers={"x-key": "right"}) as events:
        assert [one.data async for one in events] == [{"secrets": "secret"}]


async def test_a_socket_that_is_refused_or_closed_says_so(app, resolved):
    with pytest.raises(HandshakeError):
        async with app.graphql.subscribe("subscription { endless }", headers={"origin": "https://evil.example"}):
            pass
    environ = {"NESTPY_HTTP__MAX_SOCKET_MESSAGE_BYTES": "300"}
    async with (
        TestApp(resolved.AppModule, environ=environ) as small,
        small.graphql.subscribe("subscription { endless }" + " " * 400) as events,
    ):
        with pytest.raises(SocketClosedError) as raised:
            await anext(events)
    assert raised.value.code == 1009

"""Request scope is that of one operation, or of one event: its fields and loaders share what lives that long."""

import asyncio
import itertools
import json
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import httpx
import msgspec
import pytest
import websocket

from nestpy_core import App, Inject, Scope, acting_as, current_actor, injectable, module, provide, public, use_guards
from nestpy_graphql import (
    GraphqlContext,
    GraphqlRequest,
    Loader,
    dataloader,
    field,
    mutation,
    query,
    resolver,
    subscription,
)
from nestpy_graphql._runtime import begun_when_read
from nestpy_http import HttpModule, Request
from nestpy_testing import Program, TestApp, free_port

SEEN: list[str] = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


class Item(msgspec.Struct):
    id: int


@injectable
class Numbers:
    def __init__(self) -> None:
        self.next = itertools.count(1).__next__


class Session:
    def __init__(self, number: int) -> None:
        self.number = number


async def session(numbers: Numbers) -> AsyncIterator[Session]:
    await asyncio.sleep(0)
    made = Session(numbers.next())
    SEEN.append(f"open {made.number}")
    try:
        with acting_as(f"session {made.number}"):
            yield made
    except BaseException as error:
        SEEN.append(f"{type(error).__name__} {made.number}")
        raise
    finally:
        await asyncio.sleep(0)
        SEEN.append(f"closed {made.number}")


@injectable(scope=Scope.REQUEST)
class Service:
    session: Session
    request: GraphqlRequest
    http: Request
    context: GraphqlContext

    @dataloader
    async def names(self, keys: list[int]) -> dict[int, str]:
        await asyncio.sleep(0)
        return dict.fromkeys(keys, f"loaded by {self.told}")

    @property
    def told(self) -> str:
        assert self.request is self.context.request
        assert self.context.handler is None
        return f"{self.session.number} for {self.http.headers.get('x-who')}"


@public
@resolver(Item, scope=Scope.REQUEST)
class Items:
    service: Service

    @query()
    async def one(self, session: Inject[Session]) -> str:
        await asyncio.sleep(0)
        assert session is self.service.session
        return self.service.told

    @query()
    def items(self) -> list[Item]:
        return [Item(1), Item(2)]

    @mutation()
    async def change(self, *, fails: bool = False) -> str | None:
        if fails:
            raise LookupError
        return self.service.told

    @field()
    def told(self, item: Item) -> str:
        return self.service.told

    @field()
    async def later(self, item: Item, service: Inject[Service]) -> str:
        await asyncio.sleep(0)
        return service.told

    @field()
    def name(self, item: Item, names: Loader[int, str]) -> Awaitable[str | None]:
        return names.load(item.id)

    @subscription()
    async def events(self) -> AsyncIterator[Item]:
        for number in range(3):
            SEEN.append(f"event {number} of {self.service.session.number}")
            yield Item(number)


@public
@resolver()
class Plain:
    @query()
    def hello(self, request: GraphqlRequest) -> bool:
        return request.scope is None

    @query()
    async def slow(self, session: Inject[Session]) -> str:
        SEEN.append("slow")
        return await asyncio.Event().wait() and "never"

    @query()
    async def broken(self, session: Inject[Session]) -> str | None:
        raise LookupError("canary")


PROVIDERS = (Items, Plain, Service, Numbers, provide(Session, use_factory=session, scope=Scope.REQUEST))
WIDE = "{ a: one b: one items { told later name } c: one }"


def all_same(data, told):
    each = {"told": told, "later": told, "name": f"loaded by {told}"}
    return data == {"a": told, "b": told, "items": [each, each], "c": told}


async def test_root_fields_fields_below_and_loaders_share_one_and_the_next_operation_has_another(app_of):
    async with TestApp(app_of(*PROVIDERS)) as app:
        for number in (1, 2):
            found = await app.graphql(WIDE, headers={"x-who": "ann"})
            assert found.errors == []
            assert all_same(found.data, f"{number} for ann")
            assert [f"open {number}", f"closed {number}"] == SEEN
            SEEN.clear()


async def test_a_hundred_operations_at_once_share_nothing(app_of):
    async with TestApp(app_of(*PROVIDERS, max_batch=3)) as app:
        found = await asyncio.gather(*(app.graphql(WIDE, headers={"x-who": f"u{n}"}) for n in range(100)))
        batch = (await app.http.post("/graphql", json=[{"query": "{ one }"}] * 3)).json()
    numbers = set()
    for n, one in enumerate(found):
        number, _, who = one.data["a"].partition(" for ")
        assert who == f"u{n}"
        assert all_same(one.data, one.data["a"])
        numbers.add(number)
    assert len(numbers) == 100
    assert len({one["data"]["one"] for one in batch}) == 3
    assert sorted(SEEN) == sorted(f"{word} {number}" for word in ("open", "closed") for number in range(1, 104))


async def test_an_operation_that_reaches_none_makes_none(app_of):
    async with TestApp(app_of(*PROVIDERS)) as app:
        assert (await app.graphql("{ hello }")).data == {"hello": True}
        source = "\n".join(function.source for function in app.app.functions if "hello" in function.filename)
    assert "instances" not in source
    assert SEEN == []


async def test_mutations_of_one_document_share_one_and_its_clean_up_sees_the_failure_of_any(app_of):
    async with TestApp(app_of(*PROVIDERS)) as app:
        found = await app.graphql("mutation { a: change b: change }")
        assert found.data == {"a": "1 for None", "b": "1 for None"}
        found = await app.graphql("mutation { a: change b: change(fails: true) c: change }")
        assert found.data == {"a": "2 for None", "b": None, "c": "2 for None"}
        found = await app.graphql("{ one broken }")
        assert found.data == {"one": "3 for None", "broken": None}
    assert [
        *("open 1", "closed 1"),
        *("open 2", "LookupError 2", "closed 2"),
        *("open 3", "LookupError 3", "closed 3"),
    ] == SEEN


async def test_what_cannot_be_made_fails_once_for_each_field_that_needs_it_and_the_others_live(app_of, caplog):
    tries = []

    async def unlucky() -> Session:
        await asyncio.sleep(0)
        tries.append(1)
        raise ConnectionError("canary")

    made = provide(Session, use_factory=unlucky, scope=Scope.REQUEST)
    async with TestApp(app_of(*PROVIDERS[:-1], made)) as app:
        found = await app.graphql("mutation { a: change b: change }")
        assert (found.data, found.codes) == ({"a": None, "b": None}, ["INTERNAL"] * 2)
        found = await app.graphql("{ hello broken other: broken }")
    assert (found.data, found.codes) == ({"hello": True, "broken": None, "other": None}, ["INTERNAL"] * 2)
    assert [error["path"] for error in found.errors] == [["broken"], ["other"]]
    assert "canary" not in str(found.errors)
    assert len(tries) == 2


async def test_an_override_takes_its_place_in_every_field(app_of):
    async with TestApp(app_of(*PROVIDERS)).override_provider(Session).use_value(Session(77)) as app:
        assert all_same((await app.graphql(WIDE)).data, "77 for None")
    assert SEEN == []


async def test_an_operation_that_takes_too_long_is_cleaned_up_once(app_of):
    @module(imports=[HttpModule.for_root(port=0, request_timeout=0.2)], providers=list(PROVIDERS))
    class Hasty: ...

    async with TestApp(App(Hasty)) as app:
        answer = await app.http.post("/graphql", json={"query": "{ one slow other: slow }"})
        assert answer.status == 503
    assert SEEN == ["open 1", "slow", "slow", "CancelledError 1", "closed 1"]


async def test_the_source_of_a_subscription_has_one_as_long_as_it_runs_and_each_event_has_its_own(app_of):
    source = "subscription { events { told later name } }"
    async with TestApp(app_of(*PROVIDERS)) as app, app.graphql.subscribe(source) as events:
        found = [event.data["events"]["told"] async for event in events]
    assert found == ["2 for None", "3 for None", "4 for None"]
    assert [
        *("open 1", "event 0 of 1", "open 2", "closed 2", "event 1 of 1", "open 3", "closed 3"),
        *("event 2 of 1", "open 4", "closed 4", "closed 1"),
    ] == SEEN


async def test_a_subscription_that_is_left_is_cleaned_up_once(app_of):
    source = "subscription { events { id } }"
    async with TestApp(app_of(*PROVIDERS)) as app, app.graphql.subscribe(source) as events:
        await anext(events)
    assert SEEN.count("closed 1") == 1
    assert [one for one in SEEN if one.startswith(("open", "closed"))] == ["open 1", "closed 1"]


async def test_a_stream_of_events_that_nobody_reads_begins_nothing():
    async def start():
        SEEN.append("began")

    await begun_when_read(start).aclose()
    assert SEEN == []


async def test_who_acts_where_it_is_needed_first_acts_while_it_is_made(app_of):
    @injectable
    class Guard:
        posture = True

        async def can_activate(self, context: GraphqlContext) -> bool:
            context.actor = context.headers["x-who"]
            return True

    @injectable(scope=Scope.REQUEST)
    class Eager:
        def __init__(self) -> None:
            self.actor = current_actor()

    @use_guards(Guard)
    @resolver()
    class Root:
        @query()
        def me(self, eager: Inject[Eager]) -> str:
            return f"{eager.actor} {current_actor()}"

    async with TestApp(app_of(Root, Eager)) as app:
        found = await app.graphql("{ a: me b: me }", headers={"x-who": "ann"})
    assert found.data == {"a": "ann ann", "b": "ann ann"}


# -- clients that go


@pytest.fixture(scope="module")
def port():
    port = free_port()
    here = Path(__file__).parent / "scoped"
    with Program("main.py", cwd=here, environ={"NESTPY_HTTP__PORT": str(port)}, port=port):
        yield port


def counts(port):
    answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ counts }"}, timeout=30)
    return answer.json()["data"]["counts"]


def until(claim):
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.e2e
@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["request", "socket"])
def test_what_a_client_held_that_vanished_is_cleaned_up(port, way):
    before, _ = counts(port)
    if way == "request":
        body = b'{"query": "{ a: waits b: waits }"}'
        head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        client = sockets.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(b"POST /graphql HTTP/1.1\r\n" + head.encode() + body)
    else:
        client = websocket.create_connection(
            f"ws://127.0.0.1:{port}/graphql", timeout=60, subprotocols=["graphql-transport-ws"]
        )
        client.send('{"type": "connection_init"}')
        asked = {"type": "subscribe", "id": "s", "payload": {"query": "subscription { events }"}}
        client.send(json.dumps(asked))
    until(lambda: counts(port) == [before + 1, 1])
    client.close() if way == "request" else client.sock.close()
    until(lambda: counts(port) == [before + 1, 0])

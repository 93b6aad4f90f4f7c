"""Requests that overlap never see each other, and nothing grows with their number."""

import asyncio
import contextlib
import gc
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from nestpy_core import Scope, injectable, provide, use_guards, use_interceptors
from nestpy_http import Header, HttpClient, HttpContext, Request, controller, get, post

pytestmark = pytest.mark.anyio


@injectable
class Open:
    """Counts what is open, so that a leak of any kind shows."""

    def __init__(self) -> None:
        self.sessions = 0
        self.calls = 0
        self.mixed: list[tuple[str, ...]] = []


class Session:
    def __init__(self, token: str) -> None:
        self.token = token


async def session(request: Request, counts: Open) -> AsyncIterator[Session]:
    counts.sessions += 1
    try:
        await asyncio.sleep(0)
        yield Session(request.headers["x-token"])
    finally:
        counts.sessions -= 1


@injectable(scope=Scope.REQUEST)
class Outer:
    session: Session
    counts: Open

    async def intercept(self, context, call_next):
        token = context.state["outer"] = context.headers["x-token"]
        self.counts.calls += 1
        try:
            await pause(token)
            result = await call_next()
            await pause(token)
        finally:
            self.counts.calls -= 1
        self.check(token, context)
        context.response.set("x-seen", token)
        return f"{token}({result})"

    def check(self, token, context):
        seen = (token, context.headers["x-token"], context.state["outer"], self.session.token)
        if len(set(seen)) != 1:
            self.counts.mixed.append(seen)


@injectable
class Inner:
    counts: Open

    async def intercept(self, context, call_next):
        token = context.state["inner"] = context.headers["x-token"]
        await pause(token)
        result = await call_next()
        await pause(token)
        if not token == context.state["inner"] == context.state["outer"]:
            self.counts.mixed.append((token, context.state["inner"], context.state["outer"]))
        return f"{token}[{result}]"


@injectable
class TokenGuard:
    async def can_activate(self, context) -> bool:
        await pause(context.headers["x-token"])
        context.state["guard"] = context.headers["x-token"]
        return True


async def pause(token):
    for _ in range(hash(token) % 3):
        await asyncio.sleep(0)


class Item(msgspec.Struct):
    token: str


@use_guards(TokenGuard)
@use_interceptors(Outer, Inner)
@controller("/", scope=Scope.REQUEST)
class TokensController:
    session: Session

    @get("/{token}")
    async def read(self, token: str, context: HttpContext, x_token: Header[str]) -> str:
        await pause(token)
        return " ".join([token, self.session.token, context.state["guard"], x_token])

    @post("/{token}")
    async def write(self, token: str, item: Item) -> str:
        await pause(token)
        return f"{token} {item.token} {self.session.token}"

    @get("/slow/{token}")
    async def slow(self, token: str) -> str:
        await asyncio.sleep(60)
        return token


@controller("/stream", scope=Scope.REQUEST)
class StreamsController:
    session: Session

    @get("/{token}")
    async def stream(self, token: str) -> AsyncIterator[str]:
        for _ in range(40):
            yield self.session.token
            await asyncio.sleep(0)


PROVIDERS = (TokensController, StreamsController, Open, provide(Session, use_factory=session, scope=Scope.REQUEST))


async def ask(http, number):
    token = f"t{number}"
    headers = {"x-token": token}
    if number % 2:
        answer = await http.get(f"/{token}", headers=headers)
        expected = f"{token}({token}[{token} {token} {token} {token}])"
    else:
        answer = await http.post(f"/{token}", headers=headers, json={"token": token})
        expected = f"{token}({token}[{token} {token} {token}])"
    assert (answer.text, answer.headers["x-seen"]) == (expected, token)


async def test_a_hundred_interleaved_requests_each_see_only_their_own_context(make_app):
    app = make_app(*PROVIDERS)
    async with app.create_context() as context:
        http = HttpClient(app.__rsgi__)
        for _ in range(5):
            await asyncio.gather(*(ask(http, number) for number in range(100)))
        counts = await context.get(Open)
        assert (counts.mixed, counts.sessions, counts.calls) == ([], 0, 0)


async def storm(http, count, choose):
    """Send *count* requests at once, and cancel some of them at any point."""

    async def one(number):
        token = f"t{number}"
        kind = choose.random()
        if kind < 0.5:
            await ask(http, number)
            return
        target = f"/slow/{token}" if kind < 0.7 else f"/{token}"
        task = asyncio.create_task(http.get(target, headers={"x-token": token}))
        for _ in range(choose.randrange(12)):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            answer = await task
            assert answer.headers["x-seen"] == token

    await asyncio.gather(*(one(number) for number in range(count)))


def population():
    """Count what lives, but for timers: asyncio keeps up to a hundred cancelled ones behind a live one."""
    gc.collect()
    found = Counter(type(item).__qualname__ for item in gc.get_objects())
    return Counter({name: count for name, count in found.items() if name not in ("TimerHandle", "Context")})


@pytest.mark.timeout(180)
async def test_ten_thousand_requests_with_random_cancels_mix_nothing_and_leave_nothing(make_app):
    app = make_app(*PROVIDERS, max_concurrency=10_000, request_timeout=0)
    async with app.create_context() as context:
        http, choose, tasks = HttpClient(app.__rsgi__), random.Random(7), len(asyncio.all_tasks())
        await storm(http, 1_000, choose)
        population()  # the first count leaves entries in the caches of abstract classes
        before = population()
        await storm(http, 10_000, choose)
        for _ in range(20):  # what watched connections goes with the next sweep
            after = population()
            grown = {name: after[name] - before[name] for name in after if after[name] - before[name] > 20}
            if not grown and len(asyncio.all_tasks()) == tasks:
                break
            await asyncio.sleep(0.1)
        counts = await context.get(Open)
        assert (counts.mixed, counts.sessions, counts.calls) == ([], 0, 0)
        assert len(asyncio.all_tasks()) == tasks
    assert grown == {}


async def test_streams_that_their_clients_leave_grow_nothing(make_app):
    app = make_app(*PROVIDERS)

    async def leave(number):
        async with http.stream("GET", f"/stream/t{number}", headers={"x-token": f"t{number}"}) as answer:
            assert await anext(aiter(answer)) == f"t{number}".encode()

    async with app.create_context() as context:
        http = HttpClient(app.__rsgi__)
        counts = await context.get(Open)
        for start in range(0, 300, 50):
            await asyncio.gather(*(leave(number) for number in range(start, start + 50)))
            assert counts.sessions == 0
    assert counts.mixed == []


async def test_errors_of_every_kind_grow_nothing(make_app, monkeypatch):
    monkeypatch.setattr(logging.getLogger("nestpy.http"), "disabled", True)  # pytest keeps every record
    app = make_app(*PROVIDERS)
    async with app.create_context():
        http = HttpClient(app.__rsgi__)

        async def wrong(count):
            for number in range(count):
                assert (await http.get(f"/nowhere/{number}/x")).status == 404
                assert (await http.put(f"/{number}")).status == 405
                headers = {"x-token": f"t{number}"}
                assert (await http.post(f"/{number}", headers=headers, json={f"f{number}": number})).status == 400
                assert (await http.get(f"/{number}")).status == 500

        await wrong(20)
        before = population()
        await wrong(200)
        after = population()
    grown = {name: after[name] - before[name] for name in after if after[name] - before[name] > 20}
    assert grown == {}


async def test_an_interceptor_that_keeps_the_request_on_itself_is_seen_to_mix(make_app):
    @injectable
    class Leaky:
        def __init__(self) -> None:
            self.token = ""

        async def intercept(self, context, call_next):
            self.token = context.headers["x-token"]
            await call_next()
            return self.token

    @use_interceptors(Leaky)
    @controller("/")
    class LeakyController:
        @get("/{token}")
        async def read(self, token: str) -> str:
            await asyncio.sleep(0)
            return token

    app = make_app(LeakyController)
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        answers = await asyncio.gather(*(http.get(f"/t{n}", headers={"x-token": f"t{n}"}) for n in range(10)))
    assert [answer.text for answer in answers] != [f"t{n}" for n in range(10)]

"""Interleaved calls never see each other, and nothing grows with their number."""

import asyncio
import gc
import tracemalloc

from line_edge import LineContext, app_of, edge_of, on_line, started, station

from nestpy_core import Inject, Scope, injectable, provide, use_guards, use_interceptors


@injectable(scope=Scope.REQUEST)
class Session:
    def __init__(self, context: LineContext) -> None:
        self.context = context
        self.user = ""


class Login:
    async def can_activate(self, context) -> bool:
        await asyncio.sleep(0)
        context.state["user"] = context.line.words[0]
        return True


@injectable(scope=Scope.REQUEST)
class Outer:
    session: Session

    async def intercept(self, context, call_next):
        await asyncio.sleep(0)
        assert self.session.context is context
        self.session.user = context.state["user"]
        result = await call_next()
        await asyncio.sleep(0)
        assert context.state["user"] == self.session.user
        return [*result, self.session.user]


class Inner:
    async def intercept(self, context, call_next):
        user = context.state["user"]
        await asyncio.sleep(0)
        result = await call_next()
        return [*result, context.state["user"], user]


@use_guards(Login)
@use_interceptors(Outer, Inner)
@station
class Host:
    @on_line("who")
    async def who(self, name: str, session: Inject[Session]) -> list[str]:
        before = session.user
        await asyncio.sleep(0)
        return [name, before, session.user, session.context.state["user"]]


async def test_a_hundred_interleaved_calls_never_see_each_others_context():
    app = app_of(Session, Host)
    async with app.create_context():
        answers = await asyncio.gather(*(edge_of(app).send(f"who user{number}") for number in range(100)))
    assert answers == [[f"user{number}"] * 7 for number in range(100)]


async def test_ten_thousand_calls_grow_nothing():
    app = app_of(Session, Host)
    async with app.create_context():
        send = edge_of(app).send

        async def call(times: int) -> None:
            for _ in range(times // 100):
                await asyncio.gather(*(send("who ada") for _ in range(100)))
            gc.collect()

        await call(500)
        objects = len(gc.get_objects())
        await call(10_000)
        assert len(gc.get_objects()) - objects < 50
        tracemalloc.start()
        await call(1_000)
        before, _ = tracemalloc.get_traced_memory()
        await call(3_000)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 20_000


async def test_whoever_asks_a_request_for_one_provider_at_once_gets_one():
    made = []

    async def connect() -> int:
        made.append(1)
        await asyncio.sleep(0)
        return len(made)

    async with started(provide(int, use_factory=connect, scope=Scope.REQUEST)) as context, context.request() as request:
        assert await asyncio.gather(request.get(int), request.get(int)) == [1, 1]

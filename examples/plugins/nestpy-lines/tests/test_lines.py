"""Commands have what handlers of every edge have: layers, scopes, transactions, checks, a drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import msgspec
import pytest
from piccolo.columns import Varchar
from piccolo.table import Table
from pydantic import BaseModel

from nestpy_core import (
    APP_INTERCEPTOR,
    App,
    BootError,
    Denial,
    DomainError,
    ExecutionContext,
    FailureKind,
    Inject,
    Scope,
    Trim,
    after_commit,
    catch,
    current_actor,
    from_context,
    injectable,
    module,
    on_module_destroy,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_lines import Answer, LinesContext, LinesModule, command, commands
from nestpy_lines._client import read_answer
from nestpy_orm import Database, OrmModule, Repository, create_table
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

QUIET = {"NESTPY_ENV": "test"}


class User(msgspec.Struct):
    id: str
    roles: tuple[str, ...] = ()


@injectable
class KnowsAda:
    posture = True

    def can_activate(self, context: ExecutionContext) -> bool | Denial:
        assert isinstance(context, LinesContext)
        if b"eve" in context.line.arguments:
            return Denial.unauthorized("who are you?")
        context.actor = User("ada")
        return True


@injectable
class Doubles:
    async def intercept(self, context: ExecutionContext, call_next: Callable[[], Awaitable[Any]]) -> Any:
        return 2 * await call_next()


class OddError(Exception): ...


@catch(OddError)
class OddFilter:
    def catch(self, error: OddError, context: ExecutionContext) -> str:
        return "odd"


class GoneError(DomainError):
    kind = FailureKind.NOT_FOUND


class Session:
    closed = 0


async def open_session() -> AsyncIterator[Session]:
    yield Session()
    Session.closed += 1


class Order(BaseModel):
    article: str


@use_guards(KnowsAda)
@commands("shop.")
class Shop:
    @command("double")
    @use_interceptors(Doubles)
    async def double(self, a: Annotated[int, msgspec.Meta(ge=0)], b: int = 1) -> int:
        return a + b

    @command("trim")
    @use_pipes(Trim())
    async def trim(self, text: str) -> str:
        return text

    @command("odd")
    @use_filters(OddFilter)
    async def odd(self) -> str:
        raise OddError

    @command("gone")
    def gone(self) -> str:
        raise GoneError("no such thing")

    @command("broken")
    async def broken(self) -> str:
        raise RuntimeError("a secret")

    @command("who")
    async def who(
        self, session: Inject[Session], name: Annotated[str, from_context(lambda context: context.line.command)]
    ) -> list[object]:
        actor = current_actor()
        return [actor and actor.id, name, session.closed]

    @command("order")
    async def order(self, order: Order) -> Order:
        return order


@module(imports=[LinesModule], providers=[Shop, provide(Session, use_factory=open_session, scope=Scope.REQUEST)])
class ShopModule: ...


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("shop.double", {"a": 2, "b": 3}, Answer("ok", 10)),
        ("shop.double", {"a": 2}, Answer("ok", 6)),
        ("shop.trim", {"text": " tea "}, Answer("ok", "tea")),
        ("shop.odd", {}, Answer("ok", "odd")),
        ("shop.gone", {}, Answer("not_found", "no such thing")),
        ("shop.broken", {}, Answer("failed")),
        ("shop.trim", {"text": "eve"}, Answer("unauthorized", "who are you?")),
        ("shop.order", {"order": {"article": "tea"}}, Answer("ok", {"article": "tea"})),
        ("shop.none", {}, Answer("unknown")),
    ],
)
async def test_a_command_runs_through_its_layers(name: str, arguments: dict[str, Any], answer: Answer) -> None:
    async with TestApp(ShopModule) as app:
        assert await app.lines.send(name, **arguments) == answer


async def test_every_wrong_argument_is_named() -> None:
    async with TestApp(ShopModule) as app:
        answer = await app.lines.send("shop.double", a=-1, b="x", c=1)
        assert (answer.status, sorted(answer.value)) == ("invalid", ["a", "b", "c"])
        answer = await app.lines.send("shop.order", order={})
        assert (answer.status, sorted(answer.value)) == ("invalid", ["order.article"])


async def test_what_is_of_one_call_ends_with_it() -> None:
    async with TestApp(ShopModule) as app:
        closed = Session.closed
        assert (await app.lines.send("shop.who")).value == ["ada", "shop.who", closed]
        assert (await app.lines.send("shop.who")).value == ["ada", "shop.who", closed + 1]
        assert current_actor() is None


async def test_what_a_guard_raises_is_a_failure_outside_of_which_interceptors_see_an_answer() -> None:
    seen: list[object] = []

    @injectable
    class Watch:
        def after(self, context: ExecutionContext, result: object) -> object:
            seen.append(result)
            return result

    @injectable
    class Falls:
        posture = True

        def can_activate(self, context: ExecutionContext) -> bool:
            raise RuntimeError("a secret")

    test_app = TestApp(ShopModule).override_provider(KnowsAda).use_class(Falls)
    async with test_app as app:
        assert await app.lines.send("shop.gone") == Answer("failed")

    @module(imports=[ShopModule], providers=[provide(APP_INTERCEPTOR, use_class=Watch, multi=True)])
    class WatchedModule: ...

    async with TestApp(WatchedModule).override_provider(KnowsAda).use_class(Falls) as app:
        assert await app.lines.send("shop.gone") == Answer("failed")
    assert seen == [Answer("failed")]


class Note(Table, tablename="lines_notes"):
    text = Varchar()


@commands("notes.")
class Notes:
    def __init__(self, notes: Repository[Note]) -> None:
        self.notes = notes
        self.kept: list[str] = []

    @command("add")
    async def add(self, text: str) -> None:
        await self.notes.create({"text": text})
        await after_commit(lambda: self.kept.append(text))
        if text == "bad":
            raise GoneError

    @command("count", reads=True)
    async def count(self) -> int:
        return await self.notes.count()

    @command("sneak", reads=True)
    async def sneak(self) -> None:
        await self.notes.create({"text": "x"})


@module(imports=[LinesModule, OrmModule.for_root(url="sqlite://:memory:")], providers=[Notes])
class NotesModule: ...


async def test_a_command_is_a_unit_of_work() -> None:
    async with TestApp(NotesModule).with_settings({"DATABASE_URL": ""}) as app:
        await create_table(await app.get(Database), Note)
        statuses = [(await app.lines.send("notes.add", text=text)).status for text in ("good", "bad")]
        assert statuses == ["ok", "not_found"]
        assert (await app.lines.send("notes.sneak")).status == "failed"
        assert (await app.lines.send("notes.count")).value == 1
        assert (await app.get(Notes)).kept == ["good"]


class Unserved: ...


@use_guards(KnowsAda)
@commands("shop.")
class Copy:
    @command("odd")
    async def take(self, thing: Unserved) -> None: ...


def boot_report(root: type) -> str:
    with pytest.raises(BootError) as caught:
        App(root, environ=QUIET)
    return str(caught.value)


def test_names_and_types_are_checked_at_boot() -> None:
    @module(imports=[ShopModule], providers=[Copy])
    class WrongModule: ...

    report = boot_report(WrongModule)
    assert "`Copy.take` and `Shop.odd` both answer the command `shop.odd`." in report
    assert "`thing` of `Copy.take` is `Unserved`, and nothing installed decodes `Unserved`" in report


def test_a_module_that_nobody_imports_is_named() -> None:
    @module(providers=[Slow])
    class ForgottenModule: ...

    assert "nothing serves the edge `lines`" in boot_report(ForgottenModule)


@commands()
class Slow:
    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.end = asyncio.Event()
        self.log: list[str] = []

    @command("slow")
    async def slow(self) -> str:
        self.began.set()
        await self.end.wait()
        self.log.append("answered")
        return "at last"

    @on_module_destroy
    def gone(self) -> None:
        self.log.append("gone")


@module(imports=[LinesModule.for_root_async(use_factory=lambda: {"port": 0})], providers=[Slow])
class SlowModule: ...


async def test_lines_are_answered_over_a_socket_until_the_drain_and_what_runs_is_finished() -> None:
    async with TestApp(SlowModule, socket=True) as app:
        slow = await app.get(Slow)
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", app.lines.port)
        idle_writer.write(b"none\n")
        assert read_answer(await idle.readline()) == Answer("unknown")
        idle_writer.write(b"half a comm")
        busy, busy_writer = await asyncio.open_connection("127.0.0.1", app.lines.port)
        busy_writer.write(b"slow\nslow\n")
        await slow.began.wait()

        async def end_once_the_idle_is_closed() -> None:
            assert await idle.read() == b""
            slow.end.set()

        ending = asyncio.create_task(end_once_the_idle_is_closed())
    await ending
    assert slow.log == ["answered", "gone"]
    assert read_answer(await busy.readline()) == Answer("ok", "at last")
    assert await busy.read() == b""
    for writer in (idle_writer, busy_writer):
        writer.close()
        await writer.wait_closed()

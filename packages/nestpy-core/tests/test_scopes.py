"""How long instances live, and that nothing reaches what lives shorter than itself."""

import itertools
from typing import Annotated, Generic, TypeVar

import msgspec
from line_edge import Line, LineContext, app_of, boot_error, calling, edge_of, on_line, problem, started, station

from nestpy_core import (
    APP_GUARD,
    Inject,
    Reflector,
    Scope,
    Token,
    config,
    dynamic,
    injectable,
    module,
    provide,
    provide_generic,
    use_guards,
)

T = TypeVar("T")


def counter(scope):
    numbers = itertools.count(1)

    @injectable(scope=scope)
    class Counter:
        def __init__(self) -> None:
            self.number = next(numbers)

    return Counter


async def test_a_request_scoped_provider_is_one_for_a_call_and_new_for_the_next():
    Counter = counter(Scope.REQUEST)

    @injectable(scope=Scope.REQUEST)
    class Reader:
        counter: Counter

    @station
    class Host:
        @on_line("read")
        def read(self, first: Inject[Counter], second: Inject[Reader]) -> str:
            return f"{first.number}-{second.counter.number}-{int(first is second.counter)}"

    async with calling(Counter, Reader, Host) as send:
        assert await send("read") == "1-1-1"
        assert await send("read") == "2-2-1"


async def test_a_transient_is_new_at_every_place():
    Counter = counter(Scope.TRANSIENT)

    @injectable
    class Keeper:
        first: Counter
        second: Counter

    @station
    class Host:
        @on_line("read")
        def read(self, first: Inject[Counter], second: Inject[Counter]) -> bool:
            return first is not second

    async with calling(Counter, Keeper, Host) as send:
        assert await send("read") is True
    async with started(Counter, Keeper) as context:
        keeper = await context.get(Keeper)
        assert keeper.first is not keeper.second


async def test_a_request_scoped_host_is_new_for_each_call():
    numbers = itertools.count(1)

    @station(scope=Scope.REQUEST)
    class Host:
        line: Line

        @on_line("who")
        def who(self) -> tuple[int, str]:
            return next(numbers), self.line.text

    async with calling(Host) as send:
        assert await send("who a") == (1, "who a")
        assert await send("who b") == (2, "who b")


async def test_hosts_layers_filters_and_handlers_of_one_call_share_request_scoped_objects():
    from nestpy_core import catch, use_filters, use_interceptors, use_pipes

    Counter = counter(Scope.REQUEST)
    seen = []

    @injectable
    class Base: ...

    @injectable(scope=Scope.REQUEST)
    class Guard:
        counter: Counter

        def can_activate(self, context) -> bool:
            seen.append(self.counter.number)
            return True

    @injectable(scope=Scope.REQUEST)
    class Around:
        counter: Counter

        async def intercept(self, context, call_next):
            seen.append(self.counter.number)
            return await call_next()

    @injectable(scope=Scope.REQUEST)
    class Trim:
        counter: Counter

        def transform(self, value, parameter):
            seen.append(self.counter.number)
            return value

    @catch(ValueError)
    class Filter:
        def catch(self, error, context):
            return "caught"

    @injectable(scope=Scope.REQUEST)
    class Noting:
        counter: Counter

        def catch(self, error, context):
            seen.append(self.counter.number)
            return "noted"

    @station
    class Host:
        @use_guards(Guard)
        @use_interceptors(Around)
        @use_pipes(Trim)
        @use_filters(Noting)
        @on_line("go")
        def go(self, word: str, counter: Inject[Counter]) -> None:
            seen.append(counter.number)
            raise ValueError

    async with calling(Counter, Guard, Around, Trim, Noting, Filter, Base, Host) as send:
        assert await send("go on") == "noted"
        assert await send("go on") == "noted"
    assert seen == [1] * 5 + [2] * 5


async def test_a_filter_and_the_handler_share_what_only_they_inject():
    from nestpy_core import use_filters

    Counter = counter(Scope.REQUEST)
    seen = []

    @injectable(scope=Scope.REQUEST)
    class Noting:
        counter: Counter

        def catch(self, error, context):
            seen.append(self.counter.number)

    @station
    class Host:
        @use_filters(Noting)
        @on_line("go")
        def go(self, counter: Inject[Counter]) -> None:
            seen.append(counter.number)
            raise ValueError

    async with calling(Counter, Noting, Host) as send:
        await send("go")
    assert seen == [1, 1]


def test_a_singleton_that_reaches_a_request_scoped_provider_is_drawn():
    @injectable(scope=Scope.REQUEST)
    class Session: ...

    @injectable(scope=Scope.TRANSIENT)
    class Repository:
        session: Session

    class Port: ...

    @injectable
    class Service:
        port: Port

    assert problem(Session, Repository, Service, provide(Port, use_existing=Repository)) == (
        "`Service` in `RootModule` is a singleton and reaches `Session`, which lives for one request.\n"
        "  Service (singleton)\n"
        "  └─ port: Port (alias)\n"
        "     └─ use_existing: Repository (transient)\n"
        "        └─ session: Session (request)\n"
        "Hint: take it as a handler parameter: `session: Inject[Session]`\n"
        "Hint: or declare `Service` with `scope=Scope.REQUEST`"
    )


def test_a_singleton_that_reaches_what_an_edge_carries_is_drawn():
    @injectable
    class Service:
        line: Line

    assert "  └─ line: Line (given by the edge)" in problem(Service)


def test_lists_factories_and_guards_are_searched_too():
    @injectable(scope=Scope.REQUEST)
    class Session: ...

    token = Token[object]("TOKEN")

    @injectable
    class Lister:
        values: list[Session]

    def make(session: Session) -> object:
        return session

    assert "`TOKEN` in `RootModule` is a singleton and reaches `Session`" in problem(
        Session, provide(token, use_factory=make)
    )
    assert "`Lister` in `RootModule` is a singleton and reaches `Session`" in problem(
        Lister, provide(Session, use_class=Session, multi=True)
    )


async def test_a_request_scoped_alias_and_the_execution_context():
    class Port: ...

    @injectable(scope=Scope.REQUEST)
    class Adapter:
        context: LineContext
        reflector: Reflector

    @station
    class Host:
        @on_line("go")
        def go(self, port: Inject[Port], adapter: Inject[Adapter]) -> bool:
            return port is adapter and adapter.context.line.text == "go"

    async with calling(Adapter, provide(Port, use_existing=Adapter), Host) as send:
        assert await send("go") is True


async def test_an_unused_request_scope_costs_nothing_in_the_generated_code():
    Counter = counter(Scope.REQUEST)

    @station
    class Host:
        @on_line("plain")
        async def plain(self, word: str) -> str:
            return word

    app = app_of(Counter, Host)
    function = edge_of(app).functions["plain"]
    assert function.source == (
        "async def handle(line):\n"
        "    try:\n"
        "        words = line.words\n"
        "        _word = words[0]\n"
        "        result = await _handle(_word)\n"
        "        line.answer = result\n"
        "    except _raised as error:\n"
        "        if (error := _own_failure(error)) is None:\n"
        "            raise\n"
        "        line.answer = _Failed(type(error).__name__)\n"
    )


def hints_of(*providers):
    return [line for line in problem(*providers).splitlines() if line.startswith("Hint: ")]


@injectable(scope=Scope.REQUEST)
class Visit: ...


VISITOR = Token[object]("visitor")


class Port: ...


def test_an_alias_is_asked_for_by_its_own_name():
    @injectable
    class Service:
        port: Port

    assert hints_of(Visit, provide(Port, use_existing=Visit), Service) == [
        "Hint: take it as a handler parameter: `port: Inject[Port]`",
        "Hint: or declare `Service` with `scope=Scope.REQUEST`",
    ]


def test_a_list_and_a_token_are_asked_for_as_they_are_annotated():
    @injectable
    class Lister:
        visits: list[Visit]

    @injectable
    class Greeter:
        visitor: Annotated[object, VISITOR]

    assert hints_of(Lister, provide(Visit, multi=True)) == [
        "Hint: take it as a handler parameter: `visits: Inject[list[Visit]]`",
        "Hint: or declare `Lister` with `scope=Scope.REQUEST`",
    ]
    assert hints_of(Greeter, provide(VISITOR, use_factory=Port, scope=Scope.REQUEST)) == [
        "Hint: take it as a handler parameter: `visitor: Inject[Annotated[object, VISITOR]]`",
        "Hint: or declare `Greeter` with `scope=Scope.REQUEST`",
    ]


def test_a_layer_has_no_handler_parameters():
    @injectable
    class Admitting:
        visit: Visit

        def can_activate(self, context) -> bool:
            return True

    @use_guards(Admitting)
    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    @station
    class Plain:
        @on_line("go")
        def go(self) -> None: ...

    assert hints_of(Visit, Host) == ["Hint: declare `Admitting` with `scope=Scope.REQUEST`"]
    assert hints_of(Visit, Plain, provide(APP_GUARD, use_class=Admitting, multi=True)) == [
        "Hint: write `provide(APP_GUARD, use_class=Admitting, multi=True, scope=Scope.REQUEST)`"
    ]


def test_what_a_line_of_a_module_makes_gets_its_scope_there():
    class Made:
        def __init__(self, visit: Visit) -> None:
            self.visit = visit

    def make(visit: Visit) -> Made:
        return Made(visit)

    take = "Hint: take it as a handler parameter: `visit: Inject[Visit]`"
    assert hints_of(Visit, provide(Made, use_factory=make)) == [
        take,
        "Hint: or write `provide(Made, use_factory=…, scope=Scope.REQUEST)`",
    ]
    assert hints_of(Visit, provide(Port, use_class=Made)) == [
        take,
        "Hint: or write `provide(Port, use_class=Made, scope=Scope.REQUEST)`",
    ]
    assert hints_of(Visit, provide(Made)) == [take, "Hint: or write `provide(Made, scope=Scope.REQUEST)`"]
    assert hints_of(Visit, provide(VISITOR, use_factory=make)) == [
        take,
        "Hint: or write `provide(VISITOR, use_factory=…, scope=Scope.REQUEST)`",
    ]


def test_a_parametrisation_gets_its_scope_where_the_generic_is_registered():
    class Box(Generic[T]): ...

    def make(kind: type[T], visit: Visit) -> Box[T]:
        return Box()

    @injectable
    class Service:
        box: Box[int]

    assert hints_of(Visit, Service, provide_generic(Box, make)) == [
        "Hint: take it as a handler parameter: `visit: Inject[Visit]`",
        "Hint: or write `provide_generic(Box, …, scope=Scope.REQUEST)`",
    ]


def test_settings_are_filled_before_any_request():
    @config("visits")
    class VisitsConfig(msgspec.Struct, frozen=True):
        limit: int = 1

    @module
    class VisitsModule: ...

    def fill(visit: Visit) -> dict[str, int]:
        return {}

    filled = dynamic(VisitsModule, late={VisitsConfig: fill}, label="for_root_async")
    error = boot_error(Visit, VisitsConfig, imports=[filled])
    assert [problem.hints for problem in error.exceptions] == [
        ("let the factory of `for_root_async` ask for nothing that lives for one request",)
    ]


def test_a_class_cannot_have_two_scopes():
    import pytest

    from nestpy_core import DefinitionError

    with pytest.raises(DefinitionError) as caught:

        @station(scope=Scope.REQUEST)
        @injectable(scope=Scope.TRANSIENT)
        class Host: ...

    assert str(caught.value) == "`Host` has two scopes: transient and request"

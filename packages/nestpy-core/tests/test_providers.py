"""Every way to provide: classes, values, factories, aliases, several, defaults, overrides, clean-up."""

import asyncio
import contextlib
import dataclasses
import functools
import gc
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, Optional, Protocol, TypeVar

import msgspec
import pytest
from line_edge import app_of, calling, edge_of, on_line, problem, started, station

from nestpy_core import (
    DefinitionError,
    DynamicModule,
    Inject,
    NotProvidedError,
    Scope,
    StartError,
    Token,
    config,
    dynamic,
    injectable,
    module,
    provide,
    provide_generic,
)

T = TypeVar("T")

NAME = Token[str]("NAME")


class Clock(Protocol):
    def now(self) -> int: ...


class Store(ABC):
    @abstractmethod
    def read(self) -> str: ...


@injectable
class MemoryStore(Store):
    def read(self) -> str:
        return "memory"


class FixedClock:
    def now(self) -> int:
        return 7


@injectable
class Service:
    clock: Clock
    store: Store
    name: Annotated[str, NAME]
    missing: Annotated[str, Token[str]("OTHER")] | None
    limit: int = 5
    shared: ClassVar[int] = 1


async def test_interfaces_values_and_factories_reach_their_consumers():
    async def make_clock() -> Clock:
        await asyncio.sleep(0)
        return FixedClock()

    providers = [
        Service,
        MemoryStore,
        provide(Clock, use_factory=make_clock),
        provide(Store, use_existing=MemoryStore),
        provide(NAME, use_value="app"),
    ]
    async with started(*providers) as context:
        service = await context.get(Service)
        assert (service.clock.now(), service.name, service.missing, service.limit) == (7, "app", None, 5)
        assert service.store is await context.get(MemoryStore)


def test_a_service_is_constructed_by_hand_in_a_unit_test():
    service = Service(clock=FixedClock(), store=MemoryStore(), name="unit", missing=None)
    assert service.clock.now() == 7


@pytest.mark.parametrize("value", [0, None, "", [], False, ()], ids=repr)
async def test_falsy_values_are_injected_as_they_are(value):
    @injectable
    class Reader:
        name: Annotated[object, NAME]

    async with started(Reader, provide(NAME, use_value=value)) as context:
        assert (await context.get(Reader)).name is value


async def test_a_factory_may_return_none():
    @injectable
    class Reader:
        name: Annotated[str | None, NAME]

    async with started(Reader, provide(NAME, use_factory=lambda: None)) as context:
        assert (await context.get(Reader)).name is None


async def test_clean_up_runs_in_reverse_order_whatever_kind_the_factory_is():
    log = []
    one, two, three, four = (Token[int](name) for name in ("ONE", "TWO", "THREE", "FOUR"))

    def sync_generator() -> Iterator[int]:
        log.append("+1")
        yield 1
        log.append("-1")

    async def async_generator(first: Annotated[int, one]) -> AsyncIterator[int]:
        log.append("+2")
        yield first + 1
        log.append("-2")

    @contextlib.contextmanager
    def manager(second: Annotated[int, two]) -> Iterator[int]:
        log.append("+3")
        yield second + 1
        log.append("-3")

    @contextlib.asynccontextmanager
    async def async_manager(third: Annotated[int, three]) -> AsyncIterator[int]:
        log.append("+4")
        yield third + 1
        log.append("-4")

    providers = [
        provide(four, use_factory=async_manager),
        provide(two, use_factory=async_generator),
        provide(three, use_factory=manager),
        provide(one, use_factory=sync_generator),
    ]
    async with started(*providers) as context:
        assert await context.get(four) == 4
        log.append("|")
    assert log == ["+1", "+2", "+3", "+4", "|", "-4", "-3", "-2", "-1"]


async def test_request_scoped_clean_up_runs_at_the_end_of_the_call_and_sees_its_failure():
    log = []

    async def session() -> AsyncIterator[str]:
        try:
            yield "session"
        except ValueError:
            log.append("rolled back")
            raise
        log.append("committed")

    @station
    class Host:
        @on_line("go")
        def go(self, name: Inject[Annotated[str, NAME]]) -> str:
            log.append(name)
            return name

        @on_line("fail")
        def fail(self, name: Inject[Annotated[str, NAME]]) -> str:
            raise ValueError

    async with calling(Host, provide(NAME, use_factory=session, scope=Scope.REQUEST)) as send:
        await send("go")
        assert log == ["session", "committed"]
        assert (await send("fail")).why == "ValueError"
        assert log[2:] == ["rolled back"]


async def test_a_filtered_failure_still_rolls_the_session_back():
    from nestpy_core import use_filters

    log = []

    def session() -> Iterator[str]:
        try:
            yield "session"
        except ValueError:
            log.append("rolled back")
            raise

    class Calm:
        def catch(self, error, context):
            return "calm"

    @station
    class Host:
        @use_filters(Calm)
        @on_line("fail")
        def fail(self, name: Inject[Annotated[str, NAME]]) -> str:
            raise ValueError

    async with calling(Host, provide(NAME, use_factory=session, scope=Scope.REQUEST)) as send:
        assert await send("fail") == "calm"
    assert log == ["rolled back"]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["generator", "async generator"])
async def test_what_a_failed_call_held_is_gone_with_it_and_waits_for_no_collector(asynchronous):
    held = []

    class Session: ...

    def session() -> Iterator[Session]:
        made = Session()
        held.append(weakref.ref(made))
        with contextlib.suppress(ValueError):
            yield made

    async def awaited_session() -> AsyncIterator[Session]:
        with contextlib.contextmanager(session)() as made:
            yield made

    @station
    class Host:
        @on_line("fail")
        def fail(self, session: Inject[Session]) -> None:
            raise ValueError

    factory = awaited_session if asynchronous else session
    async with calling(Host, provide(Session, use_factory=factory, scope=Scope.REQUEST)) as send:
        gc.disable()
        try:
            assert (await send("fail")).why == "ValueError"
            assert [reference() for reference in held] == [None]
        finally:
            gc.enable()


async def test_a_failing_clean_up_of_a_call_is_logged_and_the_answer_stands(caplog):
    async def session() -> AsyncIterator[str]:
        yield "session"
        raise RuntimeError("disk full")

    @station
    class Host:
        @on_line("go")
        def go(self, name: Inject[Annotated[str, NAME]]) -> str:
            return name

    async with calling(Host, provide(NAME, use_factory=session, scope=Scope.REQUEST)) as send:
        assert await send("go") == "session"
    assert "the clean-up of session failed" in caplog.text


async def test_a_lambda_that_returns_a_coroutine_is_awaited_in_every_scope():
    async def connect() -> str:
        return "connected"

    @station
    class Host:
        @on_line("go")
        def go(self, name: Inject[Annotated[str, NAME]]) -> str:
            return name

    for scope in Scope:
        async with calling(Host, provide(NAME, use_factory=lambda: connect(*()), scope=scope)) as send:
            assert await send("go") == "connected"


async def test_factories_may_be_objects_partials_methods_and_classes():
    class Maker:
        def __call__(self, clock: Clock) -> str:
            return f"call {clock.now()}"

        def method(self, clock: Clock) -> str:
            return f"method {clock.now()}"

        def generate(self, clock: Clock) -> Iterator[str]:
            yield f"generated {clock.now()}"

    class Generator:
        def __call__(self, clock: Clock) -> Iterator[str]:
            yield f"yielded {clock.now()}"

    class AsyncGenerator:
        async def __call__(self, clock: Clock) -> AsyncIterator[str]:
            yield f"yielded later {clock.now()}"

    class Manager:
        @contextlib.contextmanager
        def __call__(self, clock: Clock) -> Iterator[str]:
            yield f"entered {clock.now()}"

    @contextlib.asynccontextmanager
    async def manage(clock: Clock, prefix: str) -> AsyncIterator[str]:
        yield f"{prefix} {clock.now()}"

    def make(clock: Clock, /, prefix: str = "plain", *rest: int, **more: int) -> str:
        return f"{prefix} {clock.now()}"

    expected = {
        "call 7": Maker(),
        "method 7": Maker().method,
        "generated 7": Maker().generate,
        "plain 7": make,
        "partial 7": functools.partial(make, prefix="partial"),
        "yielded 7": Generator(),
        "yielded later 7": AsyncGenerator(),
        "entered 7": Manager(),
        "partly 7": functools.partial(manage, prefix="partly"),
    }

    @station
    class Host:
        @on_line("name")
        def name(self, name: Inject[Annotated[str, NAME]]) -> str:
            return name

    clock = provide(Clock, use_class=FixedClock)
    for text, factory in expected.items():
        async with started(provide(NAME, use_factory=factory), clock) as context:
            assert await context.get(NAME) == text
        async with calling(provide(NAME, use_factory=factory, scope=Scope.REQUEST), clock, Host) as send:
            assert await send("name") == text


async def test_a_positional_only_parameter_with_a_default_is_not_shifted():
    def make(prefix: str = "plain", clock: Clock | None = None, /) -> str:
        return f"{prefix} {clock}"

    async with started(provide(NAME, use_factory=make), provide(Clock, use_class=FixedClock)) as context:
        assert await context.get(NAME) == "plain None"


async def test_classes_of_every_make_are_constructed():
    @dataclasses.dataclass
    class Plain:
        clock: Clock

    class Named(NamedTuple):
        clock: Clock

    class Struct(msgspec.Struct):
        clock: Clock

    class Newly:
        def __new__(cls, clock: Clock):
            self = super().__new__(cls)
            self.clock = clock
            return self

    class Initial:
        def __init__(self, clock: Clock, /, limit: int = 3) -> None:
            self.clock = clock

    for cls in (Plain, Named, Struct, Newly, Initial):
        async with started(provide(cls), provide(Clock, use_class=FixedClock)) as context:
            assert (await context.get(cls)).clock.now() == 7


async def test_several_bindings_come_as_a_list_in_order_then_by_name():
    class Rule:
        pass

    class Beta(Rule): ...

    class Alpha(Rule): ...

    class Last(Rule): ...

    @injectable
    class Book:
        rules: list[Rule]

    providers = [
        provide(Rule, use_class=Last, multi=True, order=5),
        provide(Rule, use_class=Beta, multi=True),
        provide(Rule, use_class=Alpha, multi=True),
        Book,
    ]
    async with started(*providers) as context:
        assert [type(rule).__name__ for rule in (await context.get(Book)).rules] == ["Alpha", "Beta", "Last"]
        assert len(await context.get(Rule)) == 3


async def test_the_order_of_several_that_are_made_alike_depends_on_no_address_and_on_no_import():
    class Maker:
        def __init__(self, text: str) -> None:
            self.text = text

        def __call__(self) -> str:
            return self.text

    @module(providers=[provide(NAME, use_factory=Maker("b"), multi=True)])
    class Beta: ...

    @module(providers=[provide(NAME, use_factory=Maker("a"), multi=True)])
    class Alpha: ...

    for imports in ([Alpha, Beta], [Beta, Alpha]):
        async with started(imports=imports) as context:
            assert await context.get(NAME) == ["a", "b"]


async def test_a_token_for_a_list_is_one_value():
    @injectable
    class Book:
        names: list[str]
        tagged: Annotated[list[str], NAME]

    async with started(Book, provide(list[str], use_value=["a"]), provide(NAME, use_value=["b"])) as context:
        book = await context.get(Book)
        assert (book.names, book.tagged) == (["a"], ["b"])


async def test_a_default_yields_to_one_binding_of_the_app():
    default = provide(NAME, use_value="default", default=True)
    own = provide(NAME, use_value="own")
    for providers in ([default, own], [own, default]):
        async with started(*providers) as context:
            assert await context.get(NAME) == "own"
    async with started(default) as context:
        assert await context.get(NAME) == "default"
    assert problem(default, own, own).startswith("`NAME` is provided twice by `RootModule`.")


def test_several_and_one_do_not_mix():
    assert problem(provide(NAME, use_value="a", multi=True), provide(NAME, use_value="b")) == (
        "`NAME` is bound with `multi=True` and, in `RootModule`, without.\n"
        "Hint: write `multi=True` on every binding of it, or on none"
    )


async def test_a_huge_list_is_injected():
    @injectable
    class Book:
        names: list[Annotated[str, NAME]]

    providers = [provide(NAME, use_value=str(number), multi=True, order=number) for number in range(1000)]
    async with started(Book, *providers) as context:
        assert (await context.get(Book)).names[999] == "999"


# -- overrides


async def test_overrides_replace_classes_interfaces_factories_and_sections():
    @config("thing")
    class ThingConfig(msgspec.Struct, frozen=True, kw_only=True):
        size: int = 1

    calls = []

    def expensive() -> str:
        calls.append(1)
        return "real"

    class Fake(FixedClock):
        def now(self) -> int:
            return 99

    providers = [ThingConfig, provide(NAME, use_factory=expensive), provide(Clock, use_class=FixedClock)]
    overrides = [
        provide(NAME, use_value="fake"),
        provide(Clock, use_class=Fake),
        provide(ThingConfig, use_value=ThingConfig(size=9)),
    ]
    async with started(*providers, overrides=overrides) as context:
        assert await context.get(NAME) == "fake"
        assert (await context.get(Clock)).now() == 99
        assert (await context.get(ThingConfig)).size == 9
    assert calls == []


async def test_one_override_stands_for_several_bindings():
    several = [provide(NAME, use_value=letter, multi=True) for letter in "abc"]
    async with started(*several, overrides=[provide(NAME, use_value="x", multi=True)]) as context:
        assert await context.get(NAME) == ["x"]
    several = [provide(Callable[[str], str], use_value=each, multi=True) for each in (str.upper, str.lower)]
    overrides = [provide(Callable[[str], str], use_value=str.title, multi=True)]
    async with started(*several, overrides=overrides) as context:
        assert await context.get(Callable[[str], str]) == [str.title]


async def test_an_override_of_the_class_stands_above_that_of_its_token():
    overrides = [provide(Clock, use_value=1), provide(FixedClock, use_value=2)]
    async with started(provide(Clock, use_class=FixedClock), overrides=overrides) as context:
        assert await context.get(Clock) == 2


def test_a_section_is_overridden_by_a_value_alone():
    @config("thing")
    class ThingConfig(msgspec.Struct, frozen=True, kw_only=True):
        size: int = 1

    assert problem(ThingConfig, overrides=[provide(ThingConfig, use_factory=ThingConfig)]) == (
        "`ThingConfig` is a section of settings, which are read before anything is made.\n"
        "Hint: override it with `provide(ThingConfig, use_value=ThingConfig(…))`"
    )


def test_an_override_of_nothing_is_a_problem():
    assert problem(overrides=[provide(NAME, use_value="x")]) == (
        "`NAME` is overridden, and nothing in the app provides it.\n"
        "Hint: override a token or class that a module provides"
    )


# -- what fails


async def test_a_failing_factory_aborts_the_start_and_cleans_up_what_was_built():
    log = []
    first, second = Token[int]("A_FIRST"), Token[int]("B_SECOND")

    def good() -> Iterator[int]:
        yield 1
        log.append("cleaned")

    def bad(value: Annotated[int, first]) -> int:
        raise OSError("no route to host")

    app = app_of(provide(first, use_factory=good), provide(second, use_factory=bad))
    with pytest.raises(StartError) as caught:
        async with app.create_context():
            pytest.fail("it started")
    assert str(caught.value) == "`B_SECOND` in `RootModule` could not be built: OSError: no route to host"
    assert isinstance(caught.value.__cause__, OSError)
    assert log == ["cleaned"]


async def test_every_clean_up_runs_even_when_one_fails(caplog):
    log = []
    first, second = Token[int]("A_FIRST"), Token[int]("B_SECOND")

    def good() -> Iterator[int]:
        yield 1
        log.append("cleaned")

    def bad(value: Annotated[int, first]) -> Iterator[int]:
        yield 1
        raise OSError("stuck")

    async with started(provide(first, use_factory=good), provide(second, use_factory=bad)):
        pass
    assert log == ["cleaned"]
    assert "the clean-up of bad failed" in caplog.text


async def test_a_script_is_told_what_it_cannot_have():
    @injectable(scope=Scope.REQUEST)
    class Session: ...

    async with started(Session) as context:
        with pytest.raises(NotProvidedError, match="Nothing in the app provides `NAME`"):
            await context.get(NAME)
        with pytest.raises(NotProvidedError, match="`Session` is request-scoped"):
            await context.get(Session)
        async with context.request() as request:
            assert await request.get(Session) is await request.get(Session)


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (
            lambda: provide(NAME),
            (
                "`provide(NAME)` needs `use_class=`, `use_value=`, `use_factory=` or `use_existing=`: "
                "`NAME` is not a class that could be constructed"
            ),
        ),
        (
            lambda: provide(NAME, use_value=1, use_factory=int),
            "`provide(NAME)` takes one `use_…=`, not `use_factory=` and `use_value=`",
        ),
        (
            lambda: provide(NAME, use_factory=3),
            "`provide(NAME, use_factory=…)` needs a function, not `3`",
        ),
        (
            lambda: provide(NAME, use_value=1, scope=Scope.REQUEST),
            "`provide(NAME, use_value=…)` has no scope of its own: remove `scope=`",
        ),
        (
            lambda: provide("dsn", use_value=1),
            (
                "`provide('dsn')` needs a class or a `Token`.\n"
                'Hint: declare `NAME = Token[…]("dsn")` and inject it as `Annotated[…, NAME]`'
            ),
        ),
    ],
    ids=["nothing", "two", "no function", "scope", "text"],
)
def test_a_wrong_provide_is_refused_where_it_stands(declare, text):
    with pytest.raises(DefinitionError) as caught:
        declare()
    assert str(caught.value) == text


def test_what_cannot_be_constructed_is_found_at_boot():
    assert problem(provide(Store)) == (
        "`RootModule` provides `Store`, which leaves `read` abstract and cannot be constructed.\n"
        "Hint: write `provide(Store, use_class=…)` with a class that implements it"
    )
    assert problem(provide(Clock)) == (
        "`RootModule` provides `Clock`, which is a Protocol and cannot be constructed.\n"
        "Hint: write `provide(Clock, use_class=…)` with a class that implements it"
    )


def test_a_class_that_is_not_decorated_is_explained():
    class Bare:
        clock: Clock

    assert problem(Bare) == (
        "`RootModule` provides `Bare`, which is not decorated.\n"
        "Hint: decorate `Bare` with `@injectable`\n"
        "Hint: or write `provide(Bare, use_factory=…)` for a class that is not yours"
    )
    assert problem(provide(Bare)) == (
        "`Bare` has the annotated field `clock` and is not decorated, so nothing injects it.\n"
        "Hint: decorate `Bare` with `@injectable`"
    )


def test_a_class_with_handlers_and_no_decorator_is_told_its_host_decorator():
    class Bare:
        clock: Clock

        @on_line("a")
        def a(self) -> None: ...

        @on_line("b")
        def b(self) -> None: ...

    text = "`Bare` has the handler `a` (`@on_line`) and is not decorated.\nHint: decorate `Bare` with `@station`"
    assert problem(Bare) == text
    assert problem(provide(Bare)) == text


def test_nobody_is_told_to_provide_what_is_listed_and_not_decorated():
    class Bare: ...

    @injectable
    class User:
        bare: Bare

    assert problem(User, Bare) == (
        "`RootModule` provides `Bare`, which is not decorated.\n"
        "Hint: decorate `Bare` with `@injectable`\n"
        "Hint: or write `provide(Bare, use_factory=…)` for a class that is not yours"
    )


ADDED = Token[str]("ADDED")


@module
class AddedModule:
    @classmethod
    def for_root(cls, value: str) -> DynamicModule:
        return dynamic(cls, providers=[provide(ADDED, use_value=value)])


def test_two_imports_that_add_one_token_are_named():
    @module(imports=[AddedModule.for_root("a")])
    class First: ...

    @module(imports=[AddedModule.for_root("b")])
    class Second: ...

    text = (
        "`ADDED` is provided twice by `AddedModule`: by `AddedModule.for_root(…)` in `First` and by "
        "`AddedModule.for_root(…)` in `Second`.\n"
        "Hint: keep one of these imports, and import `AddedModule` as it is in the other module"
    )
    assert problem(imports=[First, Second]) == text
    assert problem(imports=[Second, First]) == text


def test_two_imports_of_one_module_that_add_one_token_are_named():
    assert problem(imports=[AddedModule.for_root("a"), AddedModule.for_root("b")]) == (
        "`ADDED` is provided twice by `AddedModule`: by two `AddedModule.for_root(…)` in `RootModule`.\n"
        "Hint: keep one of them"
    )


def test_an_import_that_adds_what_its_module_provides_is_named():
    @module(providers=[provide(ADDED, use_value="own")])
    class OwnModule: ...

    assert problem(imports=[dynamic(OwnModule, providers=[provide(ADDED, use_value="more")])]) == (
        "`ADDED` is provided twice by `OwnModule`: by `OwnModule.for_root(…)` in `RootModule` and by "
        "its own `providers=`.\n"
        "Hint: keep one of the two"
    )


def test_a_generic_that_two_imports_register_is_named_once():
    class Box(Generic[T]): ...

    @module
    class BoxModule: ...

    imports = [dynamic(BoxModule, providers=[provide_generic(Box)]) for _ in range(2)]
    assert problem(imports=imports) == (
        "`provide_generic(Box)` stands in `BoxModule` twice.\n"
        "Hint: keep one of the two: imports of `BoxModule` may add it too"
    )


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (
            Annotated[str, "x"],
            (
                "`provide(Annotated[str, 'x'])` needs a class or a `Token`.\n"
                'Hint: declare `NAME = Token[str]("x")` and inject it as `Annotated[str, NAME]`'
            ),
        ),
        (
            Annotated[str, NAME],
            "`provide(Annotated[str, NAME])` needs a class or a `Token`.\nHint: write `provide(NAME, …)`",
        ),
        (
            int | None,
            (
                "`provide(int | None)` needs a class or a `Token`.\n"
                "Hint: write `provide(int, …)`: who asks for `int | None` is given that too"
            ),
        ),
        (
            Optional[int],  # noqa: UP045  # Python has two forms of it
            (
                "`provide(int | None)` needs a class or a `Token`.\n"
                "Hint: write `provide(int, …)`: who asks for `int | None` is given that too"
            ),
        ),
        (
            int | str,
            (
                "`provide(int | str)` needs a class or a `Token`.\n"
                'Hint: declare `NAME = Token[int | str]("name")` and inject it as `Annotated[int | str, NAME]`'
            ),
        ),
        (
            Any,
            (
                "`provide(Any)` needs a class or a `Token`.\n"
                'Hint: declare `NAME = Token[Any]("name")` and inject it as `Annotated[Any, NAME]`'
            ),
        ),
        (
            Literal["a"],
            (
                "`provide(Literal['a'])` needs a class or a `Token`.\n"
                "Hint: declare `NAME = Token[Literal['a']](\"name\")` and inject it as `Annotated[Literal['a'], NAME]`"
            ),
        ),
        (
            "dsn",
            (
                "`provide('dsn')` needs a class or a `Token`.\n"
                'Hint: declare `NAME = Token[…]("dsn")` and inject it as `Annotated[…, NAME]`'
            ),
        ),
    ],
)
def test_what_no_annotation_could_ask_for_is_refused_on_every_python(token, text):
    with pytest.raises(DefinitionError) as caught:
        provide(token, use_value=1)
    assert str(caught.value) == text


def test_a_host_cannot_be_replaced_by_what_has_no_handlers():
    @station
    class Host:
        @on_line("a")
        def a(self) -> None: ...

    assert problem(provide(Host, use_value=object())) == (
        "`RootModule` binds the host `Host` with `use_value=`, which has no handlers.\n"
        "Hint: list `Host` itself; override what it injects"
    )


async def test_two_apps_in_one_process_share_nothing():
    @injectable
    class State:
        def __init__(self) -> None:
            self.values = []

    @station
    class Host:
        state: State

        @on_line("put")
        def put(self, value: str) -> list[str]:
            self.state.values.append(value)
            return self.state.values

    first, second = app_of(State, Host), app_of(State, Host)
    async with first.create_context(), second.create_context():
        assert await edge_of(first).send("put a") == ["a"]
        assert await edge_of(second).send("put b") == ["b"]


async def test_an_app_starts_again_and_again_anew():
    @injectable
    class State:
        def __init__(self) -> None:
            self.values = []

    @station
    class Host:
        state: State

        @on_line("put")
        def put(self, value: str) -> list[str]:
            self.state.values.append(value)
            return self.state.values

    app = app_of(State, Host)
    for _ in range(3):
        async with app.create_context():
            assert await edge_of(app).send("put a") == ["a"]
        assert (await edge_of(app).send("put a")).why == "NameError"


async def test_an_app_that_runs_cannot_be_started_beside_itself():
    app = app_of()
    async with app.create_context():
        with pytest.raises(StartError, match="`RootModule` is started already"):
            async with app.create_context():
                pytest.fail("it started twice")


def test_a_module_takes_only_its_own_keys():
    with pytest.raises(DefinitionError) as caught:

        @module(controllers=[])
        class Wrong: ...

    assert str(caught.value) == (
        "`@module` on `Wrong` does not take `controllers=`.\n"
        "Hint: list controllers in `providers=`, as every other host"
    )
    with pytest.raises(DefinitionError) as caught:

        @module(provider=[])
        class Misspelt: ...

    assert str(caught.value) == (
        "`@module` on `Misspelt` does not take `provider=`.\n"
        "Hint: a module takes `imports=`, `providers=`, `exports=` and `shared=`"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"imports": [Service]},
            (
                "`Wrong` imports `Service`, which is no module.\n"
                "Hint: list `Service` in `providers=`, or decorate it with `@module`"
            ),
        ),
        (
            {"imports": [3]},
            (
                "`Wrong` imports `3`, which is no module.\n"
                "Hint: `imports=` takes module classes and the result of their `for_root(…)`"
            ),
        ),
        (
            {"providers": [NAME]},
            "`Wrong` provides the bare token `NAME`.\nHint: write `provide(TOKEN, use_value=…)`",
        ),
        (
            {"providers": [1.5]},
            "`Wrong` provides `1.5`.\nHint: `providers=` takes classes and `provide(…)`",
        ),
    ],
    ids=["provider", "number", "token", "object"],
)
def test_a_wrong_line_of_a_module_is_refused_where_it_stands(options, text):
    with pytest.raises(DefinitionError) as caught:
        module(**options)(type("Wrong", (), {}))
    assert str(caught.value) == text

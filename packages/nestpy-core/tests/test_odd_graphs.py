"""Graphs that an adversary, or a tired colleague, would write: refused at boot, or served to the end."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar, Generic, Protocol, TypeVar

import pytest
from line_edge import LinePlugin, app_of, calling, edge_of, on_line, report, started, station

from nestpy_core import (
    BootError,
    Endpoint,
    Inject,
    Scope,
    Token,
    dynamic,
    injectable,
    module,
    provide,
    provide_generic,
    use_guards,
)

T = TypeVar("T")


async def test_a_callable_type_is_a_token():
    @injectable
    class Caller:
        shout: Callable[[str], str]

    async with started(Caller, provide(Callable[[str], str], use_value=str.upper)) as context:
        assert (await context.get(Caller)).shout("a") == "A"


async def test_a_class_may_be_a_value():
    @injectable
    class Factory:
        made: Annotated[type, TYPE]

    async with started(Factory, provide(TYPE, use_value=dict)) as context:
        assert (await context.get(Factory)).made is dict


TYPE = Token[type]("TYPE")


async def test_values_that_answer_every_question_are_only_passed_on():
    class Hostile:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __repr__(self):
            raise RuntimeError("repr")

        def __eq__(self, other):
            raise RuntimeError("eq")

        __hash__ = None

        def __bool__(self):
            raise RuntimeError("bool")

    hostile = Hostile()

    @injectable
    class Reader:
        value: Annotated[object, TYPE]

    async with started(Reader, provide(TYPE, use_value=hostile)) as context:
        assert (await context.get(Reader)).value is hostile
    many = [provide(TYPE, use_value=hostile, multi=True) for _ in range(3)]
    async with started(*many) as context:
        assert len(await context.get(TYPE)) == 3


async def test_a_metaclass_with_its_own_call_is_respected():
    class Meta(type):
        def __call__(cls, *args, **kwargs):
            made = super().__call__(*args, **kwargs)
            made.touched = True
            return made

    @injectable
    class Service(metaclass=Meta):
        other: Annotated[int, TYPE]

    async with started(Service, provide(TYPE, use_value=1)) as context:
        service = await context.get(Service)
        assert (service.touched, service.other) == (True, 1)


async def test_enumerations_and_booleans_are_values():
    class Mode(enum.Enum):
        FAST = 1

    @injectable
    class Reader:
        mode: Mode
        flag: bool

    async with started(Reader, provide(Mode, use_value=Mode.FAST), provide(bool, use_value=False)) as context:
        reader = await context.get(Reader)
        assert (reader.mode, reader.flag) == (Mode.FAST, False)


async def test_a_class_that_has_slots_or_inherits_an_abc_is_constructed():
    class Port(ABC):
        @abstractmethod
        def get(self) -> int: ...

    @injectable
    class Adapter(Port):
        __slots__ = ("number",)

        def __init__(self, number: Annotated[int, TYPE]) -> None:
            self.number = number

        def get(self) -> int:
            return self.number

    async with started(provide(Port, use_class=Adapter), provide(TYPE, use_value=3)) as context:
        assert (await context.get(Port)).get() == 3


async def test_a_protocol_that_is_implemented_explicitly_constructs():
    class Port(Protocol):
        def get(self) -> int: ...

    @injectable
    class Adapter(Port):
        number: Annotated[int, TYPE]

        def get(self) -> int:
            return self.number

    async with started(provide(Port, use_class=Adapter), provide(TYPE, use_value=3)) as context:
        assert (await context.get(Port)).get() == 3


async def test_inject_in_a_service_field_means_what_it_says():
    @injectable
    class Clock: ...

    @injectable
    class Service:
        clock: Inject[Clock]

    async with started(Clock, Service) as context:
        assert (await context.get(Service)).clock is await context.get(Clock)


async def test_optional_lists_and_optional_injections_of_a_handler():
    class Nothing: ...

    @station
    class Host:
        @on_line("go")
        def go(
            self,
            one: Inject[Nothing | None],
            many: Inject[list[Nothing] | None],
            *,
            last: Inject[Nothing | None] = None,
            around: Inject[Nothing] | None = None,
        ) -> tuple[object, ...]:
            return one, many, last, around

    async with calling(Host) as send:
        assert await send("go") == (None, None, None, None)


async def test_a_dynamic_module_used_twice_counts_once_and_two_calls_add_up():
    class Rule: ...

    @module
    class Rules:
        @classmethod
        def add(cls, name: str):
            return dynamic(cls, providers=[provide(Rule, use_value=name, multi=True)], label="add")

    same = Rules.add("a")

    @module(imports=[same])
    class Left: ...

    @module(imports=[same, Rules.add("b")])
    class Right: ...

    async with started(imports=[Left, Right]) as context:
        assert sorted(await context.get(Rule)) == ["a", "b"]


def test_a_broken_graph_reaches_every_later_check_without_a_crash():
    class Ghost: ...

    @injectable
    class GhostGuard:
        ghost: Ghost

        def can_activate(self, context) -> bool:
            return True

    class Pair(Generic[T]): ...

    @injectable
    class Loop:
        loop: "Loop"
        ghost: Ghost

    Loop.__annotations__["loop"] = Loop

    @use_guards(GhostGuard)
    @station(scope=Scope.REQUEST)
    class Host:
        ghost: Ghost
        pair: Pair[int]

        @on_line("go")
        def go(self, ghost: Inject[Ghost], session: Inject[Pair[str]]) -> "Nowhere": ...  # noqa: F821

        @on_line("go")
        def again(self) -> None: ...

    token = Token[int]("TOKEN")
    text = report(
        Host,
        Loop,
        provide_generic(Pair),
        provide(token, use_existing=Ghost),
        provide(token, use_factory=lambda thing: thing),
        plugin=LinePlugin(),
    )
    for part in ("`TOKEN` is provided twice", "`Loop` in `RootModule` needs itself", "needs `Ghost` (`ghost`)"):
        assert part in text
    assert "both answer the word `go`" in text


def test_handlers_of_an_edge_that_nothing_serves_are_a_problem():
    from line_edge import QUIET, root_of

    from nestpy_core import App

    @station
    class Host:
        @on_line("go")
        def go(self) -> None: ...

    with pytest.raises(BootError) as caught:
        App(root_of(Host), environ=QUIET)
    assert str(caught.value.exceptions[0]) == (
        "`Host.go` is decorated with `@on_line`, and nothing serves the edge `line`.\n"
        "Hint: install the distribution of `@on_line`, and import its module in `RootModule`"
    )


async def test_a_hundred_transients_that_share_transients_do_not_explode():
    classes: list[type] = []
    for number in range(100):
        cls = type(f"Step{number}", (), {"__annotations__": {"before": classes[-1]} if classes else {}})
        classes.append(injectable(scope=Scope.TRANSIENT)(cls))
    last = classes[-1]

    @station
    class Host:
        @on_line("go")
        def go(self, last: Inject[last]) -> str:
            return type(last).__name__

    app = app_of(*classes, Host)
    async with app.create_context():
        assert await edge_of(app).send("go") == "Step99"


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_host_that_another_host_injects_is_one_provider(scope):
    @station(scope=scope)
    class Inner:
        @on_line("inner")
        def inner(self) -> str:
            return "inner"

    @station(scope=scope)
    class Outer:
        inner: Inner

        @on_line("outer")
        def outer(self) -> str:
            return self.inner.inner()

    async with calling(Inner, Outer) as send:
        assert await send("outer") == "inner"
        assert await send("inner") == "inner"


@pytest.mark.parametrize("leads_to", ["itself", "another", "a loop", "nowhere"])
def test_an_alias_that_leads_to_nothing_is_reported_to_whoever_follows_it(leads_to):
    first, second, third = (type(name, (), {}) for name in ("First", "Second", "Third"))
    ends = {
        "itself": [(first, first)],
        "another": [(first, second), (second, first)],
        "a loop": [(first, second), (second, third), (third, second)],
        "nowhere": [(first, second)],
    }
    aliases = [provide(token, use_existing=target) for token, target in ends[leads_to]]
    plugin = LinePlugin(contributions=[Endpoint(path="/first", host=first, method="go", owner="a plugin")])
    text = report(*aliases, plugin=plugin)
    assert "`First.go`, which a plugin mounts, is no method of a provider." in text
    assert ("no module provides it" if leads_to == "nowhere" else "╭─▶") in text


class Admitting:
    def can_activate(self, context):
        return True


def test_what_is_wrong_in_one_place_is_told_once_however_many_meet_it():
    @injectable
    @use_guards(Admitting)
    class Unresolved:
        field: "Nowhere"  # noqa: F821

    class Second: ...

    @station
    @use_guards(Admitting)
    class Host:
        @on_line("a")
        def a(self) -> str:
            return "a"

        @on_line("b")
        def b(self) -> str:
            return "b"

    several = [provide(Second, use_existing=Token("ABSENT"), multi=True) for _ in range(2)]
    overrides = [provide(Admitting, use_value=7)]
    lines = report(
        Unresolved, provide(Protocol, use_class=Unresolved), *several, Host, provide(Admitting), overrides=overrides
    ).splitlines()
    told = [line.partition(". ")[2] for line in lines if line[:1].isdecimal()]
    assert [line[:40] for line in told] == [
        "Field `field` of `Unresolved` is annotat",
        "`Second` in `RootModule` needs `ABSENT` ",
        "`int` is none of the guards: it defines ",
    ]


async def test_a_class_that_is_not_decorated_may_set_what_its_base_annotates():
    class Named(ABC):
        name: str
        known: ClassVar[list[str]]

    class Cat(Named):
        name = "cat"

    async with started(provide(Named, use_class=Cat)) as context:
        assert (await context.get(Named)).name == "cat"


async def test_a_class_whose_name_begins_like_a_class_variable_is_injected():
    @injectable
    class ClassVarious:
        name = "various"

    @injectable
    class Reader:
        various: "ClassVarious"
        shared: "ClassVar[int]" = 1

    async with started(ClassVarious, Reader) as context:
        assert (await context.get(Reader)).various.name == "various"

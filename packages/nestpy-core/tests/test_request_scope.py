"""Several calls may be one unit of work: they share its request-scoped providers, which are cleaned up at its end."""

import asyncio
import gc
import itertools
import traceback
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import anyio
import pytest
from line_edge import Line, LineCode, LineContext, LineEdge, LinePlugin, app_of, on_line, station

from nestpy_core import (
    Inject,
    RequestScope,
    Scope,
    Token,
    acting_as,
    current_actor,
    hookimpl,
    injectable,
    provide,
    running_unit,
)

SEEN: list[object] = []
NAME = Token[str]("name")
Name = Annotated[str, NAME]


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


class Part(Line):
    """One line of several that are one unit."""

    def __init__(self, text, unit=None):
        super().__init__(text)
        self.unit = RequestScope(self) if unit is None else unit

    def instances(self):
        return self.unit


class PartScope:
    subject = "line"
    instances = "line.instances()"

    def context(self, out):
        return f"{out.constant(LineContext, 'LineContext')}(None, line=line)"

    def carrier(self, token, out):
        return "line"


class PartCode(LineCode):
    scope = PartScope()


class PartEdge(LineEdge):
    def compile(self, compiler):
        for trigger, (handler, marker) in self.triggers.items():
            self.functions[trigger] = compiler.handler(handler, marker, PartCode(trigger, handler))

    async def send(self, *texts, end=None, meanwhile=None):
        """Handle all *texts* at once, as one unit cut off by *end*, and return their answers."""
        unit = Part("the unit").unit
        parts = [Part(text, unit) for text in texts]
        tasks = [asyncio.create_task(self.functions[part.text].function(part)) for part in parts]
        try:
            if meanwhile:
                await meanwhile(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await unit.close(end)
        return [part.answer for part in parts]


class PartPlugin(LinePlugin):
    @hookimpl
    def nestpy_edge(self, graph):
        return PartEdge(graph)


class Units:
    """Starts an app whose lines come as units."""

    def __init__(self, *providers):
        self.app = app_of(*providers, plugin=PartPlugin())
        self.edge = next(edge for edge in self.app.edges if edge.name == "line")

    async def __aenter__(self):
        self.context = self.app.create_context()
        await self.context.__aenter__()
        return self.edge.send

    async def __aexit__(self, *failure):
        await self.context.__aexit__(*failure)


def scoped(factory, token=NAME):
    return provide(token, use_factory=factory, scope=Scope.REQUEST)


def host(kind, *words):
    """Return a host that answers each of *words* with what it is given of *kind*; ``bad …`` fails."""

    def handler(word):
        @on_line(word)
        async def read(self, one: Inject[kind]) -> object:
            await asyncio.sleep(0)
            if word.startswith("bad"):
                raise ValueError(word)
            return one

        return read

    return station(type("Host", (), {word: handler(word) for word in words}))


STYLES = ["plain", "async", "generator", "async generator"]


def style(name):
    numbers = itertools.count(1)

    def plain() -> str:
        return f"made {next(numbers)}"

    async def later() -> str:
        await asyncio.sleep(0)
        return plain()

    def generator() -> Iterator[str]:
        yield plain()
        SEEN.append("left")

    async def async_generator() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield plain()
        await asyncio.sleep(0)
        SEEN.append("left")

    return {"plain": plain, "async": later, "generator": generator, "async generator": async_generator}[name]


@pytest.mark.parametrize("name", STYLES)
async def test_the_calls_of_a_unit_share_one_and_other_units_have_another(name):
    async with Units(host(Name, "a", "b"), scoped(style(name))) as send:
        assert await send("a", "b", "a") == ["made 1"] * 3
        assert await send("b") == ["made 2"]
        units = await asyncio.gather(*(send("a", "b") for _ in range(100)))
    assert all(first == second for first, second in units)
    assert len({first for first, _ in units}) == 100
    assert ([] if name in ("plain", "async") else ["left"] * 102) == SEEN


async def test_what_they_are_built_from_is_shared_and_a_transient_is_not():
    class Session: ...

    async def session() -> AsyncIterator[Session]:
        yield Session()

    @injectable(scope=Scope.TRANSIENT)
    class Fresh:
        session: Session
        context: LineContext

    @injectable(scope=Scope.REQUEST)
    class Service:
        session: Session
        fresh: Fresh

    @station(scope=Scope.REQUEST)
    class Host:
        service: Service
        session: Session

        @on_line("a")
        def a(self, service: Inject[Service], fresh: Inject[Fresh]) -> object:
            return self, service, fresh, service.fresh

    async with Units(Host, Service, Fresh, scoped(session, Session)) as send:
        (first, service, fresh, inner), (second, same, other, _) = await send("a", "a")
    assert first is second
    assert service is same is first.service
    assert service.session is first.session is fresh.session is inner.session
    assert len({fresh, other, inner}) == 3
    assert inner.context.handler is None
    assert fresh.context.handler.name == "a"


async def test_one_that_does_not_wait_for_it_any_more_leaves_it_to_the_others():
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go_on.wait()
        return "made"

    async def cancel_the_first(tasks):
        await begun.wait()
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        go_on.set()

    async with Units(host(Name, "a", "b"), scoped(slow)) as send:
        assert await send("a", "b", meanwhile=cancel_the_first) == [None, "made"]


@pytest.mark.parametrize("name", STYLES)
async def test_what_cannot_be_made_is_tried_once_and_fails_for_each_call_that_needs_it(name):
    made = style(name)
    tries: list[ValueError] = []

    def failing(make=made) -> str:
        tries.append(ValueError("no"))
        raise tries[-1]

    async def failing_later() -> str:
        await asyncio.sleep(0)
        return failing()

    def failing_generator() -> Iterator[str]:
        yield failing()

    async def failing_async_generator() -> AsyncIterator[str]:
        yield await failing_later()

    factories = [failing, failing_later, failing_generator, failing_async_generator]
    factory = dict(zip(STYLES, factories, strict=True))[name]

    @station
    class Other:
        @on_line("fine")
        def fine(self) -> str:
            return "fine"

    async with Units(host(Name, "a", "b"), Other, scoped(factory)) as send:
        first, second, third, fine = await send("a", "b", "a", "fine")
    assert [first.why, second.why, third.why, fine] == ["ValueError"] * 3 + ["fine"]
    (error,) = tries
    assert len(traceback.extract_tb(error.__traceback__)) < 12


@pytest.mark.parametrize(
    ("ending", "failure"),
    [(SystemExit, "StrayExitError"), (asyncio.CancelledError, "StrayCancellationError")],
)
async def test_what_exits_or_awaits_what_was_cancelled_while_it_is_made_fails_each_call_that_needs_it(ending, failure):
    async def make() -> str:
        await asyncio.sleep(0)
        raise ending

    async with Units(host(Name, "a", "b"), scoped(make)) as send:
        answers = await send("a", "b")
    assert [answer.why for answer in answers] == [failure, failure]


async def test_clean_up_goes_backwards_where_it_was_entered():
    async def first() -> AsyncIterator[str]:
        with acting_as("first"):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                yield "first"
                group.cancel_scope.cancel()
        SEEN.append(f"first left {current_actor()}")

    def second(name: Name) -> Iterator[int]:
        with acting_as(name):
            yield 2
        SEEN.append(f"second left {current_actor()}")

    @station
    class Host:
        @on_line("a")
        def a(self, second: Inject[int]) -> int:
            return second

        @on_line("b")
        def b(self, first: Inject[Name]) -> str:
            return first

    async with Units(Host, scoped(first), scoped(second, int)) as send:
        assert await send("b", "a") == ["first", 2]
    assert SEEN == ["second left None", "first left None"]


@pytest.mark.parametrize("by", ["call", "unit"])
async def test_clean_up_sees_the_failure_of_a_call_that_uses_it_or_of_the_unit(by):
    def noting(name):
        async def factory() -> AsyncIterator[str]:
            try:
                yield name
            except BaseException as error:
                SEEN.append((name, type(error).__name__))
                raise
            SEEN.append((name, "fine"))

        return factory

    used, other = Token[str]("used"), Token[str]("other")

    @station
    class Host:
        @on_line("bad")
        def bad(self, one: Inject[Annotated[str, used]]) -> str:
            raise ValueError

        @on_line("good")
        def good(self, one: Inject[Annotated[str, used]], two: Inject[Annotated[str, other]]) -> str:
            return two

    async with Units(Host, scoped(noting("used"), used), scoped(noting("other"), other)) as send:
        if by == "call":
            bad, good = await send("bad", "good")
            assert (bad.why, good) == ("ValueError", "other")
            assert SEEN == [("other", "fine"), ("used", "ValueError")]
        else:
            await send("good", end=asyncio.CancelledError())
            assert SEEN == [("other", "CancelledError"), ("used", "CancelledError")]


async def test_all_of_it_is_cleaned_up_though_the_end_itself_is_cancelled():
    leaving = asyncio.Event()

    async def first() -> AsyncIterator[str]:
        yield "first"
        SEEN.append("first left")

    async def second(name: Name) -> AsyncIterator[int]:
        try:
            yield 2
            leaving.set()
            await anyio.sleep_forever()
        finally:
            SEEN.append("second left")

    async with Units(host(int, "a"), scoped(first), scoped(second, int)) as send:
        unit = asyncio.create_task(send("a"))
        await leaving.wait()
        unit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await unit
    assert SEEN == ["second left", "first left"]


async def test_what_is_being_made_at_the_end_is_cut_off_and_cleaned_up():
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        try:
            begun.set()
            await anyio.sleep_forever()
            yield "made"
        finally:
            SEEN.append("left")

    async def cancel_all(tasks):
        await begun.wait()
        for task in tasks:
            task.cancel()

    async with Units(host(Name, "a", "b"), scoped(slow)) as send:
        assert await send("a", "b", meanwhile=cancel_all) == [None, None]
        assert SEEN == ["left"]
    assert not [task for task in asyncio.all_tasks() if "_hold" in repr(task)]


async def test_the_unit_of_work_of_the_call_that_needs_it_first_is_not_around_it():
    def eager() -> str:
        return f"{running_unit.get()} {current_actor()}"

    async def held() -> AsyncIterator[str]:
        yield eager()
        SEEN.append(eager())

    @station
    class Host:
        @on_line("a")
        def a(self, one: Inject[Name], two: Inject[int]) -> object:
            return one, two, running_unit.get()

    async with Units(Host, scoped(eager), scoped(held, int)) as send:
        token = running_unit.set("unit")
        with acting_as("ann"):
            (answer,) = await send("a")
        running_unit.reset(token)
    assert answer == ("None ann", "None ann", "unit")
    assert SEEN == ["None ann"]


async def test_what_outlives_its_unit_is_refused_and_makes_nothing():
    units = Units(host(Name, "a"), scoped(style("async generator")))
    async with units:
        unit = Part("the unit").unit
        await unit.close()
        part = Part("a", unit)
        await units.edge.functions["a"].function(part)
    assert (part.answer.why, SEEN) == ("RuntimeError", [])


async def test_whoever_waits_for_what_never_began_to_be_made_is_refused():
    units = Units(host(Name, "a"), scoped(style("async")))
    async with units:
        part = Part("a")
        waiting = asyncio.create_task(units.edge.functions["a"].function(part))
        await asyncio.sleep(0)
        await part.unit.close()
        await asyncio.wait_for(waiting, 5)
    assert part.answer.why == "RuntimeError"


@pytest.mark.parametrize("waits", [False, True])
async def test_a_chain_of_twelve_hundred_compiles_and_is_made(waits):
    def now() -> str:
        return "base"

    async def later() -> str:
        return "base"

    below: object = Name
    classes = []
    for number in range(1200):
        cls = type(f"Link{number:04}", (), {"__annotations__": {"below": below}})
        classes.append(injectable(scope=Scope.REQUEST)(cls))
        below = cls
    async with Units(host(below, "a"), *classes, scoped(later if waits else now)) as send:
        (answer,) = await send("a")
    assert type(answer).__name__ == "Link1199"


async def test_what_a_unit_held_is_gone_with_it_and_waits_for_no_collector():
    held = []

    class Session: ...

    async def session() -> AsyncIterator[Session]:
        made = Session()
        held.append(weakref.ref(made))
        yield made

    async with Units(host(Session, "a", "bad"), scoped(session, Session)) as send:
        gc.collect()
        gc.disable()
        try:
            found = await send("a", "bad")
            assert [type(one).__name__ for one in found] == ["Session", "Failed"]
            del found
            await asyncio.sleep(0)
            assert [reference() for reference in held] == [None]
        finally:
            gc.enable()

"""What events cost: nothing on routes, and little where they are emitted."""

import msgspec

from nestpy_core import App, module
from nestpy_events import EventsModule, listeners, on_event
from nestpy_http import HttpModule, controller, get


class Tick(msgspec.Struct, frozen=True):
    number: int


@controller("/")
class Hello:
    @get("/")
    async def hello(self) -> str:
        return "hello"


@listeners
class Three:
    @on_event(Tick)
    async def one(self, event: Tick) -> None: ...

    @on_event(Tick)
    async def two(self, event: Tick) -> None: ...

    @on_event(Tick)
    def three(self, event: Tick) -> None: ...


def sources(*imports, providers=()):
    @module(imports=[HttpModule.for_root(), *imports], providers=[Hello, *providers])
    class TestedModule: ...

    app = App(TestedModule, environ={"NESTPY_ENV": "test"})
    return {function.name: function.source for function in app.functions}


def test_routes_are_compiled_to_the_same_bytes_with_and_without_it():
    without, given = sources(), sources(EventsModule, providers=[Three])
    assert {name: given[name] for name in without} == without


async def test_nothing_grows_with_the_events(listening):
    import tracemalloc

    async with listening(Three) as bus:
        for number in range(200):
            await bus.emit(f"order.{number}.created")
            await bus.publish(Tick(number))
        await bus.settle()
        tracemalloc.start()
        try:
            before = tracemalloc.take_snapshot()
            for number in range(20_000):
                await bus.emit(f"order.{number}.created")
                await bus.publish(Tick(number))
            await bus.settle()
            grown = sum(each.size_diff for each in tracemalloc.take_snapshot().compare_to(before, "filename"))
        finally:
            tracemalloc.stop()
    assert grown < 2_000_000

"""Three listeners of one event, and the calls that emit it or do without the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from nestpy_core import App, module
from nestpy_events import EventBus, EventsModule, listeners, on_event

EMIT = "emit to three listeners"
ALONE = "the three listeners alone"


class Happened(msgspec.Struct, frozen=True):
    """What is emitted."""

    number: int


@listeners
class Three:
    """Listeners that do nothing."""

    @on_event(Happened)
    async def first(self, event: Happened) -> None: ...

    @on_event(Happened)
    async def second(self, event: Happened) -> None: ...

    @on_event(Happened)
    async def third(self, event: Happened) -> None: ...


@module(imports=[EventsModule], providers=[Three])
class EventsApp:
    """The bus and its listeners."""


@contextmanager
def emitting() -> Iterator[dict[str, Callable[[], None]]]:
    """Both calls by name; the application stays started meanwhile."""
    with asyncio.Runner() as runner:
        starting = App(EventsApp, environ={"NESTPY_ENV": "production"}).create_context()
        context = runner.run(starting.__aenter__())
        bus, host = runner.run(context.get(EventBus)), runner.run(context.get(Three))
        event = Happened(1)

        async def alone() -> None:
            await host.first(event)
            await host.second(event)
            await host.third(event)

        yield {EMIT: _sent(lambda: bus.emit(event)), ALONE: _sent(alone)}
        runner.run(starting.__aexit__(None, None, None))


def _sent(make: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], None]:
    def call() -> None:
        try:
            make().send(None)
        except StopIteration:
            return
        raise RuntimeError("a listener waited for something")

    return call

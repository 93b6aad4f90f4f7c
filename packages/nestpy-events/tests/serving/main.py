"""An app whose request publishes an event that takes its time."""

import asyncio
import sys

import msgspec

from nestpy_core import App, module, on_module_destroy
from nestpy_events import EventBus, EventsModule, listeners, on_event
from nestpy_http import HttpModule, controller, post


class Placed(msgspec.Struct, frozen=True):
    number: int


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@controller("/")
class Orders:
    bus: EventBus

    @post("/{number}")
    async def place(self, number: int) -> str:
        await self.bus.publish(Placed(number))
        return "placed"


@listeners
class Mail:
    @on_event(Placed)
    async def send(self, event: Placed) -> None:
        tell(f"begun {event.number}")
        await asyncio.sleep(0.5)
        tell(f"sent {event.number}")

    @on_module_destroy
    def close(self) -> None:
        tell("closed")


@module(imports=[HttpModule.for_root(), EventsModule.for_root(concurrency=1)], providers=[Orders, Mail])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()

"""What type checkers conclude about listeners; checked, never run."""

from typing import assert_type

import msgspec

from nestpy_core import Scope
from nestpy_events import EventBus, listeners, on_event


class UserCreated(msgspec.Struct, frozen=True):
    name: str


@listeners
class Mail:
    bus: EventBus

    @on_event(UserCreated, priority=1, background=True)
    async def send(self, event: UserCreated) -> None: ...

    @on_event("user.*")
    def note(self) -> int:
        return 1


@listeners(scope=Scope.REQUEST)
class Scoped:
    bus: EventBus


async def use(bus: EventBus) -> None:
    mail = Mail(bus=bus)
    Scoped(bus=bus)
    assert_type(mail.note(), int)
    assert_type(await bus.emit(UserCreated("ada")), tuple[Exception, ...])
    assert_type(await bus.emit("user.created", {"name": "ada"}), tuple[Exception, ...])
    await bus.publish(UserCreated("ada"))
    Mail(bus)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    on_event(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

"""What emitting calls, in which order, and what becomes of failures."""

import asyncio
import dataclasses
import logging

import msgspec
import pytest

from nestpy_core import StartError, StrayCancellationError, injectable, on_module_init, provide
from nestpy_events import BusClosedError, EventBus, EventName, EventNameError, EventTypeError, listeners, on_event


class UserCreated(msgspec.Struct, frozen=True):
    name: str


class AdminCreated(UserCreated, frozen=True):
    pass


@dataclasses.dataclass
class Basket:
    items: list


seen: list = []


@pytest.fixture(autouse=True)
def _forget():
    seen.clear()


async def test_emit_awaits_every_listener_in_order(listening):
    @listeners
    class Zoo:
        @on_event(UserCreated)
        def first(self, event: UserCreated) -> None:
            seen.append(("zoo", event.name))

    @listeners
    class Ant:
        @on_event(UserCreated)
        async def second(self, event: UserCreated) -> None:
            seen.append(("ant", event.name))

        @on_event(UserCreated)
        async def first(self, event: UserCreated) -> None:
            seen.append(("ant again", event.name))

        @on_event(UserCreated, priority=5)
        async def last(self) -> None:
            seen.append("important")

        @on_event(UserCreated, priority=-1)
        async def early(self) -> None:
            seen.append("late")

    async with listening(Zoo, Ant) as bus:
        assert await bus.emit(UserCreated("ada")) == ()
    assert seen == ["important", ("ant", "ada"), ("ant again", "ada"), ("zoo", "ada"), "late"]


async def test_where_nobody_listens_nothing_happens(listening):
    async with listening() as bus:
        assert await bus.emit(UserCreated("ada")) == ()
        await bus.publish(UserCreated("ada"))
        assert await bus.emit("user.created") == ()


async def test_listeners_of_a_base_hear_its_subclasses_after_their_own(listening):
    @listeners
    class All:
        @on_event(object)
        def anything(self, event: object) -> None:
            seen.append("object")

        @on_event(UserCreated)
        def user(self, event: UserCreated) -> None:
            seen.append("user")

        @on_event(AdminCreated)
        def admin(self, event: UserCreated) -> None:
            seen.append("admin")

    async with listening(All) as bus:
        await bus.emit(AdminCreated("ada"))
        assert seen == ["admin", "user", "object"]
        seen.clear()
        await bus.emit(UserCreated("ada"))
        assert seen == ["user", "object"]


async def test_one_method_may_listen_to_several_events(listening):
    @listeners
    class Both:
        @on_event(UserCreated)
        @on_event(Basket)
        def either(self, event: UserCreated | Basket) -> None:
            seen.append(type(event))

    async with listening(Both) as bus:
        await bus.emit(UserCreated("ada"))
        await bus.emit(Basket([]))
    assert seen == [UserCreated, Basket]


@listeners
class Failing:
    @on_event(UserCreated, priority=1)
    async def broken(self, event: UserCreated) -> None:
        raise OSError("disk full")

    @on_event(UserCreated)
    def worse(self, event: UserCreated) -> None:
        raise ZeroDivisionError

    @on_event(UserCreated, priority=-1)
    def fine(self, event: UserCreated) -> None:
        seen.append("fine")


async def test_a_listener_that_fails_stops_no_other_and_its_error_is_returned_and_logged(listening, caplog):
    async with listening(Failing) as bus:
        failures = await bus.emit(UserCreated("hunter2"))
    assert seen == ["fine"]
    assert [type(failure) for failure in failures] == [OSError, ZeroDivisionError]
    records = [record for record in caplog.records if record.name == "nestpy.events"]
    assert [record.getMessage() for record in records] == [
        "Failing.broken failed on UserCreated",
        "Failing.worse failed on UserCreated",
    ]
    assert {record.levelno for record in records} == {logging.ERROR}
    assert str(records[0].exc_info[1]) == "disk full"
    assert "hunter2" not in "".join(record.getMessage() for record in records)


async def test_a_listener_that_awaits_a_task_it_cancelled_stops_no_other(listening):
    @listeners
    class Stopping:
        @on_event(UserCreated, priority=1)
        async def stops(self, event: UserCreated) -> None:
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task

        @on_event(UserCreated)
        def fine(self, event: UserCreated) -> None:
            seen.append("fine")

    async with listening(Stopping) as bus:
        failures = await bus.emit(UserCreated("hunter2"))
    assert seen == ["fine"]
    assert [type(failure) for failure in failures] == [StrayCancellationError]


async def test_events_that_can_be_changed_are_copied_for_each_listener_and_frozen_ones_shared(listening):
    @listeners
    class Changing:
        @on_event(object, priority=2)
        def grab(self, event: object) -> None:
            seen.append(event)
            if isinstance(event, Basket):
                event.items = ["stolen"]

        @on_event(object)
        def look(self, event: object) -> None:
            seen.append(event)

    async with listening(Changing) as bus:
        basket, user = Basket(["apple"]), UserCreated("ada")
        await bus.emit(basket)
        assert basket.items == ["apple"]
        assert seen[1].items == ["apple"]
        seen.clear()
        await bus.emit(user)
        assert seen[0] is seen[1] is user


class Slotted:
    __slots__ = ("items",)

    def __init__(self, items):
        self.items = items


class Counted(msgspec.Struct):
    items: list


class Own:
    def __init__(self, items):
        self.items = items

    def __copy__(self):
        return Own([*self.items, "copied"])


@pytest.mark.parametrize("kind", [Basket, Slotted, Counted, Own], ids=lambda kind: kind.__name__)
async def test_whatever_an_event_is_made_of_its_copy_holds_the_same(listening, kind):
    @listeners
    class Keeping:
        @on_event(kind)
        def keep(self, event: object) -> None:
            seen.append(event)

    async with listening(Keeping) as bus:
        event = kind(["apple"])
        await bus.emit(event)
        await bus.publish(event)
        event.items = []
        await bus.settle()
    assert {type(each) for each in seen} == {kind}
    assert all(each is not event for each in seen)
    assert [each.items[0] for each in seen] == ["apple", "apple"]
    assert seen[0].items[1:] == (["copied"] if kind is Own else [])


# -- names


async def test_names_reach_listeners_of_the_name_and_of_matching_patterns(listening):
    @listeners
    class Named:
        @on_event("order.created")
        def exact(self, order: dict) -> None:
            seen.append(("exact", order))

        @on_event("order.*")
        def one(self, order: dict, name: EventName) -> None:
            seen.append(("one", name))

        @on_event("order.**")
        def many(self, name: EventName) -> None:
            seen.append(("many", name))

        @on_event("**.created")
        def created(self) -> None:
            seen.append("created")

        @on_event("*")
        def top(self, payload: object) -> None:
            seen.append(("top", payload))

    async with listening(Named) as bus:
        await bus.emit("order.created", {"id": 1})
        assert seen == [("exact", {"id": 1}), ("one", "order.created"), ("many", "order.created"), "created"]
        seen.clear()
        await bus.emit("order.line.created")
        assert seen == [("many", "order.line.created"), "created"]
        seen.clear()
        await bus.emit("order", 5)
        assert seen == [("many", "order"), ("top", 5)]
        seen.clear()
        await bus.emit("user.order")
        await bus.emit("orders.created.now")
        assert seen == []


@pytest.mark.parametrize("name", ["", ".", "order.", ".order", "a..b", "order.*", "**"])
async def test_names_that_no_event_can_have_are_refused(listening, name):
    async with listening() as bus:
        with pytest.raises(EventNameError) as caught:
            await bus.emit(name)
    assert str(caught.value) == (
        f"`{name}` is no name of an event.\nHint: emit parts between single dots without `*`: `order.created`"
    )


# -- what is no event


@pytest.mark.parametrize("event", [5, None, {"a": 1}, [1], UserCreated, int, ("a",), b"x"])
async def test_what_is_no_event_is_refused(listening, event):
    async with listening() as bus:
        for call in (bus.emit, bus.publish, bus.enlist):
            with pytest.raises(EventTypeError, match=r"` is no event\.\nHint: emit an instance of a class of its own"):
                await call(event)


async def test_a_typed_event_takes_no_payload(listening):
    async with listening() as bus:
        with pytest.raises(EventTypeError) as caught:
            await bus.emit(UserCreated("ada"), {"more": 1})
    assert str(caught.value) == (
        "`UserCreated` was emitted with a payload, which only names have.\nHint: put it into the event"
    )


# -- the life of the bus


async def test_hooks_may_emit_and_factories_may_not(listening):
    @listeners
    class Hearing:
        @on_event(UserCreated)
        def hear(self, event: UserCreated) -> None:
            seen.append(event.name)

    @injectable
    class Early:
        bus: EventBus

        @on_module_init
        async def announce(self) -> None:
            await self.bus.emit(UserCreated("init"))

    async with listening(Hearing, Early):
        assert seen == ["init"]

    class Made: ...

    async def make(bus: EventBus) -> Made:
        await bus.emit(UserCreated("factory"))
        return Made()

    with pytest.raises(StartError) as caught:
        async with listening(provide(Made, use_factory=make)):
            pass
    assert isinstance(caught.value.__cause__, BusClosedError)
    assert str(caught.value.__cause__) == (
        "An event was emitted before the bus had started.\n"
        "Hint: inject `EventBus` and emit from `@on_module_init` on, not from a factory"
    )

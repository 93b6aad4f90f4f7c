"""Published events run behind their publishers, bounded, in order, and are finished when the app ends."""

import asyncio
from typing import ClassVar

import msgspec
import pytest

from nestpy_core import acting_as, current_actor, injectable, on_module_destroy, running_unit
from nestpy_events import BusClosedError, EventBus, listeners, on_event


class Tick(msgspec.Struct, frozen=True):
    number: int = 0


class Tock(msgspec.Struct, frozen=True):
    number: int = 0


class Ada:
    id = "ada"
    roles = ()


def gated(**options):
    """Return a host whose listener waits for its gate, and notes what passes."""

    @listeners
    class Gated:
        gate = asyncio.Event()
        begun: ClassVar[list] = []
        passed: ClassVar[list] = []

        @on_event(Tick, **options)
        async def hear(self, event: Tick) -> None:
            Gated.begun.append(event.number)
            await Gated.gate.wait()
            Gated.passed.append(event.number)

    return Gated


async def test_publishers_do_not_wait_for_listeners(listening):
    Gated = gated()
    async with listening(Gated) as bus:
        await bus.publish(Tick(1))
        await asyncio.sleep(0)
        assert (Gated.begun, Gated.passed) == ([1], [])
        Gated.gate.set()
        await bus.settle()
        assert Gated.passed == [1]


async def test_a_background_listener_is_left_behind_by_emit(listening):
    Gated = gated(background=True)
    async with listening(Gated) as bus:
        assert await bus.emit(Tick(1)) == ()
        assert Gated.passed == []
        Gated.gate.set()
        await bus.settle()
        assert Gated.passed == [1]


async def test_events_begin_in_the_order_in_which_they_were_published(listening):
    Gated = gated()
    Gated.gate.set()
    async with listening(Gated, concurrency=1) as bus:
        for number in range(100):
            await bus.publish(Tick(number))
        await bus.settle()
    assert Gated.passed == list(range(100))


async def test_so_many_run_so_many_wait_and_the_next_publisher_waits_too(listening):
    Gated = gated()
    async with listening(Gated, concurrency=2, queue_size=3) as bus:
        for number in range(5):
            await bus.publish(Tick(number))
        sixth = asyncio.ensure_future(bus.publish(Tick(5)))
        given_up = asyncio.ensure_future(bus.publish(Tick(99)))
        await asyncio.sleep(0.01)
        assert (Gated.begun, sixth.done()) == ([0, 1], False)
        given_up.cancel()
        Gated.gate.set()
        await sixth
        await bus.settle()
    assert sorted(Gated.passed) == list(range(6))


async def test_a_place_that_its_publisher_gave_up_goes_to_the_next(listening):
    Gated = gated()
    async with listening(Gated, concurrency=1, queue_size=0) as bus, asyncio.timeout(20):
        await bus.publish(Tick(1))
        [running] = bus._background._running
        waiting = [asyncio.ensure_future(bus.publish(Tick(number))) for number in (2, 3)]
        await asyncio.sleep(0.01)
        running.add_done_callback(lambda _: waiting[0].cancel())
        Gated.gate.set()
        await waiting[1]
        await bus.settle()
    assert Gated.passed == [1, 3]


async def test_a_listener_that_publishes_into_a_full_queue_runs_it_itself(listening):
    heard = []

    @listeners
    class Chain:
        bus: EventBus

        @on_event(Tick)
        async def tick(self, event: Tick) -> None:
            for number in range(3):
                await self.bus.publish(Tock(event.number * 10 + number))

        @on_event(Tock)
        async def tock(self, event: Tock) -> None:
            heard.append(event.number)

    async with listening(Chain, concurrency=1, queue_size=0) as bus, asyncio.timeout(20):
        await bus.publish(Tick(1))
        await bus.publish(Tick(2))
        await bus.settle()
    assert heard == [10, 11, 12, 20, 21, 22]


async def test_a_thousand_publishers_at_once_lose_nothing(listening):
    heard = []

    @listeners
    class Counting:
        @on_event(Tick)
        async def hear(self, event: Tick) -> None:
            await asyncio.sleep(0)
            heard.append(event.number)

    async with listening(Counting, concurrency=4, queue_size=8) as bus:
        await asyncio.gather(*(bus.publish(Tick(number)) for number in range(1000)))
        await bus.settle()
    assert sorted(heard) == list(range(1000))


async def test_a_failure_in_the_background_is_logged_and_the_rest_goes_on(listening, caplog):
    heard = []

    @listeners
    class Failing:
        @on_event(Tick, priority=1)
        async def broken(self, event: Tick) -> None:
            raise OSError("disk full")

        @on_event(Tick)
        async def fine(self, event: Tick) -> None:
            heard.append(event.number)

    async with listening(Failing) as bus:
        await bus.publish(Tick(1))
        await bus.publish(Tick(2))
        await bus.settle()
    assert heard == [1, 2]
    assert caplog.text.count("Failing.broken failed on Tick") == 2


async def test_who_acts_goes_along_and_the_unit_of_work_does_not(listening):
    heard = []

    class Unit:
        def after_commit(self, callback):
            return False

    @listeners
    class Curious:
        @on_event(Tick)
        async def hear(self, event: Tick) -> None:
            await asyncio.sleep(0)
            heard.append((current_actor().id, running_unit.get()))

    async with listening(Curious) as bus:
        token = running_unit.set(Unit())
        with acting_as(Ada()):
            await bus.publish(Tick())
            await bus.emit(Tick())
        unit = running_unit.get()
        running_unit.reset(token)
        await bus.settle()
    assert heard == [("ada", unit), ("ada", None)]


# -- after the commit


class Unit:
    """A unit of work as storage keeps one."""

    def __init__(self):
        self.waiting = []
        self.ended = False

    def after_commit(self, callback):
        if not self.ended:
            self.waiting.append(callback)
        return not self.ended

    async def commit(self):
        self.ended = True
        for callback in self.waiting:
            await callback()


async def test_an_enlisted_event_waits_for_the_commit(listening):
    Gated = gated()
    Gated.gate.set()
    async with listening(Gated) as bus:
        unit = Unit()
        token = running_unit.set(unit)
        await bus.enlist(Tick(1))
        await bus.settle()
        assert Gated.passed == []
        await unit.commit()
        await bus.settle()
        assert Gated.passed == [1]
        await bus.enlist(Tick(2))
        await bus.settle()
        assert Gated.passed == [1, 2]
        running_unit.reset(token)


async def test_an_enlisted_event_of_a_unit_that_is_undone_never_comes(listening):
    Gated = gated()
    Gated.gate.set()
    async with listening(Gated) as bus:
        token = running_unit.set(Unit())
        await bus.enlist(Tick(1))
        running_unit.reset(token)
        await bus.settle()
    assert Gated.passed == []


async def test_without_a_unit_of_work_an_enlisted_event_is_published_at_once(listening):
    Gated = gated()
    Gated.gate.set()
    async with listening(Gated) as bus:
        await bus.enlist(Tick(1))
        await bus.settle()
    assert Gated.passed == [1]


# -- the end


async def test_what_was_published_is_finished_before_anything_is_destroyed(listening):
    log = []

    @injectable
    class Database:
        @on_module_destroy
        def close(self) -> None:
            log.append("closed")

    @listeners
    class Writing:
        database: Database
        bus: EventBus

        @on_event(Tick)
        async def write(self, event: Tick) -> None:
            await asyncio.sleep(0.01)
            log.append(event.number)
            if event.number < 3:
                await self.bus.publish(Tick(event.number + 1))

    async with listening(Database, Writing, concurrency=1) as bus:
        await bus.publish(Tick(1))
    assert log == [1, 2, 3, "closed"]


@pytest.mark.parametrize(("published", "told"), [(1, "1 published event was"), (3, "3 published events were")])
async def test_what_does_not_end_in_time_is_cancelled_counted_and_logged(make_app, caplog, published, told):
    Gated = gated()
    app = make_app(Gated, concurrency=1, environ={"NESTPY_ENV": "test", "NESTPY_APP__FINISH_TIMEOUT": "0.01"})
    async with app.create_context() as context:
        bus = await context.get(EventBus)
        for number in range(published):
            await bus.publish(Tick(number))
    assert Gated.passed == []
    assert f"{told} not handled before the app ended" in caplog.text


async def test_nothing_is_published_after_the_end_and_emit_still_reaches_its_listeners(make_app):
    Gated = gated()
    Gated.gate.set()
    refused = []

    @injectable
    class Late:
        bus: EventBus

        @on_module_destroy
        async def leave(self) -> None:
            await self.bus.emit(Tick(1))
            with pytest.raises(BusClosedError) as caught:
                await self.bus.publish(Tick(2))
            refused.append(str(caught.value))

    async with make_app(Gated, Late).create_context():
        pass
    assert Gated.passed == [1]
    assert refused == ["An event was published after the app had ended its background work."]


async def test_an_app_that_starts_again_has_a_bus_that_is_open(make_app):
    Gated = gated()
    Gated.gate.set()
    app = make_app(Gated)
    for number in range(2):
        async with app.create_context() as context:
            await (await context.get(EventBus)).publish(Tick(number))
    assert Gated.passed == [0, 1]

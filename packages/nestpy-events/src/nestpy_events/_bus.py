"""The bus: emits events to their listeners, at once or in the background, or after the commit."""

from __future__ import annotations

from nestpy_core import after_commit, detached_context, injectable, name_of, on_module_destroy, on_module_init

from ._background import Background, Item
from ._config import EventsConfig
from ._copies import Copier
from ._table import ListenerTable, Plan
from .errors import BusClosedError, EventTypeError

__all__ = ("EventBus",)


@injectable
class EventBus:
    """Takes events to their listeners inside this process; inject it where something happens.

    An event is an instance of a class of its own, which reaches the listeners of that class and of its bases, or a
    name with a payload, which reaches the listeners whose name or pattern matches. Where nobody listens nothing
    happens. Those that can be changed are copied for each listener; frozen ones are shared.
    """

    def __init__(self, config: EventsConfig, table: ListenerTable) -> None:
        self._table = table
        self._plans: dict[type, Plan] = {}
        self._background = Background(config.concurrency, config.queue_size)
        self._open = False

    @on_module_init
    def open(self) -> None:
        """Take events from now on."""
        self._table.bus = self
        self._open = True

    @on_module_destroy
    def close(self) -> None:
        """Take nothing more in the background."""
        self._background.close()

    # -- what emitters call

    async def emit(self, event: object, payload: object = None) -> tuple[Exception, ...]:
        """Call the listeners one after the other, here and now: in the caller's transaction, as the caller's actor.

        A listener that fails stops no other; what it raised is logged. Listeners with ``background=True`` are left to
        the background.

        Args:
            event: an instance of an event class, or a name.
            payload: what listeners of a name are given.

        Returns:
            What listeners raised, in order; empty when none did.

        Raises:
            EventTypeError: it is no event.
            EventNameError: no event can have this name.
            BusClosedError: the app has not started.
        """
        plan = self._plans.get(type(event))
        if plan is None:
            plan = self._found(event, payload)
        name = None
        if type(event) is str:
            name, event = event, payload
        failures: tuple[Exception, ...] = ()
        copy = plan.copy
        for listen in plan.inline:
            failure = await listen(event if copy is None else copy(event), name)
            if failure is not None:
                failures = (*failures, failure)
        if plan.background:
            for listen in plan.background:
                await self._background.put(Item((listen,), _taken(event, copy), name, copy, detached_context()))
        return failures

    async def publish(self, event: object, payload: object = None) -> None:
        """Call the listeners in the background, one after the other, and return once the event has a place there.

        The caller's actor and trace go along, its transaction does not. What is published is finished when the app
        drains, within its time to finish.

        Args:
            event: as for `emit`.
            payload: as for `emit`.

        Raises:
            EventTypeError, EventNameError: as for `emit`.
            BusClosedError: the app has not started, or has ended.
        """
        item = self._item(event, payload)
        if item is not None:
            await self._background.put(item)

    async def enlist(self, event: object, payload: object = None) -> None:
        """Publish once the current transaction is committed, never when it is undone; at once where there is none.

        Args:
            event: as for `emit`.
            payload: as for `emit`.

        Raises:
            EventTypeError, EventNameError, BusClosedError: as for `publish`.
        """
        item = self._item(event, payload)
        if item is not None:
            await after_commit(lambda: self._background.put(item))

    async def settle(self) -> None:
        """Wait until nothing is left in the background: for tests and scripts."""
        await self._background.settle()

    async def finish(self) -> None:
        """Wait as `settle`, then take nothing more in the background; the edge calls this when the app ends."""
        await self._background.finish()

    # -- plans

    def _item(self, event: object, payload: object) -> Item | None:
        plan = self._plans.get(type(event))
        if plan is None:
            plan = self._found(event, payload)
        if not plan.every:
            return None
        name = None
        if type(event) is str:
            name, event = event, payload
        return Item(plan.every, _taken(event, plan.copy), name, plan.copy, detached_context())

    def _found(self, event: object, payload: object) -> Plan:
        """Return the plan of an event whose class has none yet; those of names are kept by the table."""
        if not self._open:
            raise BusClosedError(
                "An event was emitted before the bus had started.\n"
                "Hint: inject `EventBus` and emit from `@on_module_init` on, not from a factory"
            )
        cls = type(event)
        if cls is str:
            return self._table.plan_of_name(event, type(payload))  # type: ignore[arg-type]  # it is a str
        if isinstance(event, type) or cls.__module__ == "builtins":
            shown = name_of(event) if isinstance(event, type) else cls.__name__
            raise EventTypeError(
                f"`{shown}` is no event.\n"
                'Hint: emit an instance of a class of its own, `UserCreated(…)`, or a name, `"user.created"`'
            )
        if payload is not None:
            raise EventTypeError(
                f"`{name_of(cls)}` was emitted with a payload, which only names have.\nHint: put it into the event"
            )
        plan = self._plans[cls] = self._table.plan_of(cls)
        return plan


def _taken(event: object, copy: Copier | None) -> object:
    """Return the event as it is now, whatever its emitter does with it later."""
    return event if copy is None else copy(event)

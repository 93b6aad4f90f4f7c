"""The compiled listeners of one app, and which of them an event reaches, in order."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nestpy_core import Record

from ._copies import Copier, copier_of
from ._names import check_name

if TYPE_CHECKING:
    from ._bus import EventBus

Listen = Callable[[Any, str | None], Awaitable[Exception | None]]


class Listener(Record, frozen=True, eq=False):
    """One compiled listener.

    Attributes:
        event: the class of its events; None for one that listens to names.
        pattern: what matches those; None for one that listens to a class.
        priority: higher ones run first.
        background: whether emitters go on without it.
        position: its place among equals.
        call: runs it and returns what it raised.
    """

    event: type | None
    pattern: re.Pattern[str] | None
    priority: int
    background: bool
    position: tuple[str, int]
    call: Listen


class Plan(Record, frozen=True, eq=False):
    """What happens when one kind of event is emitted.

    Attributes:
        inline: the listeners that emitters wait for, in order.
        background: the others, in order.
        every: both, in order.
        copy: makes what each listener is given; None where nobody can change the event and all share it.
    """

    inline: tuple[Listen, ...]
    background: tuple[Listen, ...]
    every: tuple[Listen, ...]
    copy: Copier | None


class ListenerTable:
    """The listeners of one app.

    Attributes:
        bus: the bus of the start that runs.
    """

    def __init__(self) -> None:
        self.bus: EventBus | None = None
        self._typed: list[Listener] = []
        self._named: list[Listener] = []
        self.plan_of_name = lru_cache(maxsize=1024)(self._plan_of_name)

    def add(self, listener: Listener) -> None:
        """Take in one more."""
        (self._typed if listener.pattern is None else self._named).append(listener)

    def plan_of(self, cls: type) -> Plan:
        """Return what happens to events of a class: its own listeners before those of its bases."""
        bases = cls.__mro__
        reached = [each for each in self._typed if each.event in bases]
        found = sorted(reached, key=lambda each: (-each.priority, bases.index(_class(each)), each.position))
        return _plan(found, copy=copier_of(cls))

    def _plan_of_name(self, name: str, cls: type) -> Plan:
        """Return what happens to events of a name, whose payload is of a class.

        Raises:
            EventNameError: no event can be called so.
        """
        check_name(name)
        reached = [each for each in self._named if each.pattern is not None and each.pattern.fullmatch(f".{name}")]
        return _plan(sorted(reached, key=lambda each: (-each.priority, each.position)), copy=copier_of(cls))


def _class(listener: Listener) -> type:
    assert listener.event is not None  # noqa: S101  # those of names are in another list
    return listener.event


def _plan(found: list[Listener], *, copy: Copier | None) -> Plan:
    return Plan(
        inline=tuple(each.call for each in found if not each.background),
        background=tuple(each.call for each in found if each.background),
        every=tuple(each.call for each in found),
        copy=copy,
    )

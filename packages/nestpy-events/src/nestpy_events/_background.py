"""What runs behind its publishers: so many at once, so many waiting, all of it finished at the end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections import deque
from typing import Any

from nestpy_core import Record

from ._copies import Copier
from ._table import Listen
from .errors import BusClosedError

logger = logging.getLogger("nestpy.events")

_INSIDE: contextvars.ContextVar[bool] = contextvars.ContextVar("nestpy_events_inside", default=False)


class Item(Record, frozen=True, eq=False):
    """One event in the background.

    Attributes:
        listeners: what it is taken to, in order.
        event: the event.
        name: its name, if it has one.
        copy: makes what each listener is given; None where all share the event.
        context: where it runs: the publisher's actor and trace.
    """

    listeners: tuple[Listen, ...]
    event: Any  # any event
    name: str | None
    copy: Copier | None
    context: contextvars.Context


class Background:
    """A bounded queue and the tasks that empty it; an idle one has no task.

    Args:
        concurrency: how many items run at once.
        size: how many more may wait.
    """

    def __init__(self, concurrency: int, size: int) -> None:
        self._concurrency = concurrency
        self._size = size
        self._waiting: deque[Item] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._room: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def put(self, item: Item) -> None:
        """Take in an item, waiting for room.

        One that a background listener publishes into a full queue runs at once in that listener: waiting for a place
        that only it can make would last for ever.

        Raises:
            BusClosedError: the app has ended.
        """
        while True:
            if self._closed:
                raise BusClosedError("An event was published after the app had ended its background work.")
            if len(self._running) < self._concurrency and not self._waiting:
                self._start(item)
                return
            if len(self._waiting) < self._size:
                self._waiting.append(item)
                return
            if _INSIDE.get():
                await asyncio.get_running_loop().create_task(_run(item), context=item.context)
                return
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room.append(future)
        try:
            await future
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                self._room.remove(future)
            self._admit()
            raise

    def _start(self, item: Item) -> None:
        task = asyncio.get_running_loop().create_task(_run(item), context=item.context)
        self._running.add(task)
        task.add_done_callback(self._next)

    def _next(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a published event failed", exc_info=task.exception())
        while self._waiting and len(self._running) < self._concurrency:
            self._start(self._waiting.popleft())
        self._admit()

    def _admit(self) -> None:
        free = self._size - len(self._waiting) + self._concurrency - len(self._running)
        while self._room and free > 0:
            future = self._room.popleft()
            if not future.done():
                future.set_result(None)
                free -= 1

    async def settle(self) -> None:
        """Wait until nothing runs and nothing waits."""
        while self._running:
            await asyncio.wait(self._running)

    async def finish(self) -> None:
        """Wait as `settle`, then take nothing more; what is left when this is cancelled is lost, and logged."""
        try:
            await self.settle()
        finally:
            self.close()

    def close(self) -> None:
        """Take nothing more, and cancel what is left."""
        self._closed = True
        left = len(self._running) + len(self._waiting)
        if left:
            events = "event was" if left == 1 else "events were"
            logger.error("%d published %s not handled before the app ended", left, events)
        self._waiting.clear()
        for task in self._running:
            task.cancel()
        self._admit()


async def _run(item: Item) -> None:
    inside = _INSIDE.set(True)
    try:
        for listen in item.listeners:
            await listen(item.event if item.copy is None else item.copy(item.event), item.name)
    finally:
        _INSIDE.reset(inside)

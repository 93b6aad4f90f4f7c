"""The table of running requests: its length is the concurrency, and one sweeper ends those that are late or left."""

from __future__ import annotations

import asyncio
import enum
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from nestpy_core import injectable, on_module_destroy, on_module_init

from ._config import HttpConfig
from ._wrapping import Headers, WrappedProtocol
from .errors import ServiceUnavailableError

TICK = 0.05
"""Seconds between two sweeps, and so how late a deadline may be."""
WATCHED_AFTER = 0.1
"""Seconds after which a request's connection is watched: short ones must not pay for it."""
_POLL = 0.002
_SHORT = 0.005
"""Seconds that a request waits for its turn once the queue has not been empty for the whole `queue_wait`: whoever waits
longer then only makes others wait, as CoDel found for packets."""

# In 3.11 `asyncio.current_task` is Python and takes 0.5 µs; the table that it reads takes a tenth.
_BY_LOOP: Callable[[Any], Any] | None = (
    getattr(asyncio.tasks, "_current_tasks").get if sys.version_info < (3, 12) else None  # noqa: B009  # private there
)

_PARKED = 4
"""How many times `max_concurrency` requests may wait for their bodies beside those that run."""

TASK, LIMIT, SEEN, ENDED = range(4)
"""What an entry of the table holds: its task, its seconds, when the sweeper first saw it, why it was ended."""


class BodySeconds(float):
    """The seconds of a request that waits for its body: it takes no place from those that run."""

    __slots__ = ()


class Ended(enum.Enum):
    """Why a request was ended before its handler was done."""

    LATE = "late"
    GONE = "gone"


@injectable
class RunningRequests:
    """What runs at this moment. A compiled route enters and leaves the table itself, without a call.

    Attributes:
        table: an entry for each running request, by its protocol object.
        parked: the entries of those whose bodies are slow to come.
        loop: the serving loop.
        clock: seconds, as the loop counts them.
    """

    def __init__(self, config: HttpConfig) -> None:
        self.table: dict[Any, list[Any]] = {}
        self.parked: dict[Any, list[Any]] = {}
        self.loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = self.loop.time
        self._limit = config.max_concurrency
        self._wait = config.queue_wait
        self._queue: deque[tuple[asyncio.Future[bool], float]] = deque()
        self._emptied = 0.0
        self._watchers: dict[Any, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @on_module_init
    def start(self) -> None:
        """Begin to sweep."""
        self._timer = self.loop.call_later(TICK, self._tick)

    @on_module_destroy
    def stop(self) -> None:
        """Sweep no longer."""
        if self._timer is not None:
            self._timer.cancel()
        for watcher in self._watchers.values():
            watcher.cancel()
        self._watchers.clear()

    # -- deadlines

    def _tick(self) -> None:
        self._timer = self.loop.call_later(TICK, self._tick)
        if self.table or self.parked or self._watchers:
            self.sweep(self.clock())

    def sweep(self, now: float) -> None:
        """End what is late, park what waits for its body, and watch the connections of what takes long."""
        waiting = []
        for protocol, entry in (*self.table.items(), *self.parked.items()):
            if entry[SEEN] is None:
                entry[SEEN] = now
                continue
            if now - entry[SEEN] >= entry[LIMIT]:
                self._end(entry, Ended.LATE)
            elif now - entry[SEEN] >= WATCHED_AFTER and protocol not in self._watchers:
                self._watchers[protocol] = self.loop.create_task(self._watch(protocol, entry))
            if entry[LIMIT].__class__ is BodySeconds and protocol in self.table:
                waiting.append(protocol)
        for protocol in waiting[: _PARKED * self._limit - len(self.parked)]:
            self.parked[protocol] = self.table.pop(protocol)
        for protocol in [protocol for protocol in self._watchers if self._entry(protocol) is None]:
            self._watchers.pop(protocol).cancel()

    def _entry(self, protocol: Any) -> list[Any] | None:
        return self.table.get(protocol) or self.parked.get(protocol)

    async def _watch(self, protocol: Any, entry: list[Any]) -> None:
        await protocol.client_disconnect()
        if self._entry(protocol) is entry:
            self._end(entry, Ended.GONE)

    def end_all(self) -> None:
        """End everything that runs as if it were late: with 503."""
        for entry in (*self.table.values(), *self.parked.values()):
            self._end(entry, Ended.LATE)

    async def unpark(self, protocol: Any) -> None:
        """Let a request run whose body has come at last.

        Raises:
            ServiceUnavailableError: too many run.
        """
        if len(self.table) >= self._limit and not await self.admit():
            raise ServiceUnavailableError("Too many requests are running")
        entry = self.table[protocol] = self.parked.pop(protocol)
        entry[SEEN] = None

    @staticmethod
    def _end(entry: list[Any], why: Ended) -> None:
        if entry[ENDED] is None:
            entry[ENDED] = why
            entry[TASK].cancel()

    def ended(self, protocol: Any) -> Ended | None:
        """Say why a cancelled request was cancelled, and take the cancellation back; None when it was not us."""
        entry = self._entry(protocol)
        if entry is None or entry[ENDED] is None:
            return None
        entry[TASK].uncancel()
        why: Ended = entry[ENDED]
        return why

    # -- admission

    async def admit(self) -> bool:
        """Wait a moment for a request to end; return whether one more may run."""
        if not self._wait or len(self._queue) >= self._limit:
            return False
        future: asyncio.Future[bool] = self.loop.create_future()
        now = self.clock()
        if not self._queue:
            self._emptied = now
            self.loop.call_later(_POLL, self._wake)
        self._queue.append((future, now))
        return await future

    def _wake(self) -> None:
        free = self._limit - len(self.table)
        now = self.clock()
        wait = self._wait if now - self._emptied <= self._wait else min(self._wait, _SHORT)
        while self._queue and (free > 0 or now - self._queue[0][1] >= wait or self._queue[0][0].done()):
            future, _ = self._queue.popleft()
            if not future.done():
                future.set_result(free > 0)
                free -= 1
        if self._queue:
            self.loop.call_later(_POLL, self._wake)


class StreamingProtocol(WrappedProtocol):
    """Takes a request off the table when its answer begins to stream: from then on no deadline ends it."""

    __slots__ = ("_table",)

    def __init__(self, inner: Any, table: dict[Any, list[Any]]) -> None:
        super().__init__(inner)
        self._table = table

    def response_stream(self, status: int, headers: Headers) -> Any:
        self._table.pop(self, None)
        return super().response_stream(status, headers)


def current_task_code(constant: Callable[[Any, str], str], loop: str) -> str:
    """Return the cheapest expression for the running task on this Python."""
    if _BY_LOOP is not None:
        return f"{constant(_BY_LOOP, 'task_of')}({loop})"
    return f"{constant(asyncio.current_task, 'current_task')}()"

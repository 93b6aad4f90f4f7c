"""Taskiq's own tasks on these stores: a broker and a receiver on taskiq's extension points."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from taskiq.receiver import Receiver

from ._heart import Heart, Truce
from ._store import Ending, JobStore, Outcome, Reservation, Submission
from .errors import StoreUnavailableError

__all__ = ("TaskiqBroker", "TaskiqReceiver")

logger = logging.getLogger("nestpy.queue")

_WAIT = 1.0
_PUT_BACK = 5.0


class Delivery(AckableMessage):
    """A message with the three ways in which it can end.

    Attributes:
        give_back: lets it wait again, after some seconds, for a worker that knows its task.
        bury: sends it to the dead letters with a reason.
    """

    give_back: Callable[[float], Awaitable[None]]
    bury: Callable[[str], Awaitable[None]]


class TaskiqBroker(AsyncBroker):
    """A broker of taskiq that keeps messages as this distribution keeps jobs: leases, fenced endings, dead letters.

    The label ``delay`` (seconds) is honoured, so taskiq's retry middlewares wait as they say; so is ``priority``
    (``high``, ``normal``, ``low``). Run its tasks with ``taskiq worker --receiver nestpy_queue:TaskiqReceiver …``.

    Args:
        store: a `RedisStore` or `SqliteStore`; opened and closed with the broker.
        queue: the queue's name.
        lease: seconds without a heartbeat after which a worker is dead.
        max_deaths: workers that may die while they run one message.
    """

    def __init__(self, store: JobStore, queue: str = "taskiq", *, lease: float = 15.0, max_deaths: int = 3) -> None:
        super().__init__()
        self.store = store
        self.queue = queue
        self._lease = lease
        self._max_deaths = max_deaths
        self._worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._heart: Heart | None = None
        self._running: set[str] = set()

    async def startup(self) -> None:
        """Open the store; a worker's heart begins to beat."""
        await self.store.open()
        if self.is_worker_process:
            self._heart = Heart(self.store.beater([self.queue], self._worker, self._lease), self._lease)
            await asyncio.to_thread(self._heart.start)
        await super().startup()

    async def shutdown(self) -> None:
        """Release what was taken and not started, and close the store."""
        await super().shutdown()
        if self._heart is not None:
            with contextlib.suppress(StoreUnavailableError):
                await self.store.forget(self.queue, self._worker)
            await asyncio.to_thread(self._heart.stop)
        await self.store.close()

    async def kick(self, message: BrokerMessage) -> None:
        """Store a message."""
        delay = float(message.labels.get("delay") or 0.0)
        priority = {"high": 0, "low": 2}.get(str(message.labels.get("priority")), 1)
        # A retry is a message of its own that bears the id of the first.
        retries = message.labels.get("_retries")
        name = f"{message.task_id}.{retries}" if retries else message.task_id
        await self.store.submit(self.queue, [Submission(name, message.message, delay, priority)])

    async def listen(self) -> AsyncGenerator[bytes | AckableMessage, None]:
        """Yield messages one by one, and look after the queue meanwhile."""
        sweeping = asyncio.create_task(self._sweep())
        try:
            while True:
                for reservation in await self._taken():
                    self._running.add(reservation.id)
                    yield self._delivery(reservation)
        finally:
            sweeping.cancel()

    async def _taken(self) -> list[Reservation]:
        try:
            found = await self.store.reserve(self.queue, self._worker, 1, None)
            if not found:
                await self.store.wait(self.queue, _WAIT)
        except StoreUnavailableError:
            await asyncio.sleep(_WAIT)
            with contextlib.suppress(StoreUnavailableError):
                await self.store.recover(self.queue, self._worker, list(self._running))
            return []
        return found

    async def _sweep(self) -> None:
        truce = Truce(self._lease)
        while True:
            pause = min(self._lease / 3, 0.5)
            try:
                found = await self.store.sweep(self.queue, self._max_deaths, reclaim=truce.over)
            except StoreUnavailableError:
                truce.begin()
            else:
                if found.next_due is not None:
                    pause = min(pause, max(found.next_due, 0.005))
            await asyncio.sleep(pause)

    def _delivery(self, reservation: Reservation) -> Delivery:
        async def end(outcome: Outcome, *, delay: float = 0.0, reason: str = "") -> None:
            ending = Ending(reservation, self._worker, outcome, delay, b"", reason)
            while True:
                try:
                    (owned,) = await self.store.end([ending])
                except StoreUnavailableError:
                    await asyncio.sleep(_WAIT)
                    continue
                self._running.discard(reservation.id)
                if not owned:
                    logger.warning("the message %s belongs to another worker by now", reservation.id)
                return

        return Delivery(
            data=reservation.data,
            ack=lambda: end("done"),
            give_back=lambda seconds: end("release", delay=seconds),
            bury=lambda reason: end("dead", reason=reason),
        )


class TaskiqReceiver(Receiver):
    """A receiver that drops nothing: what it cannot read is dead, what it does not know waits for who does."""

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:  # noqa: FBT001, FBT002  # taskiq's
        """Run one message, unless it cannot be run here."""
        if isinstance(message, Delivery):
            try:
                found: Any = self.broker.formatter.loads(message=message.data)
            except Exception as error:  # noqa: BLE001  # whatever a formatter raises
                await message.bury(f"undecodable: {type(error).__name__}")
                return
            if self.broker.find_task(found.task_name) is None:
                logger.warning("no worker here knows the task `%s`; put back for one that does", found.task_name)
                await message.give_back(_PUT_BACK)
                return
        await super().callback(message, raise_err)

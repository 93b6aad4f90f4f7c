"""Sends what transactions have enlisted: at once after their commit, and again later what a crash left behind."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from nestpy_core import Outbox, injectable, on_module_init

from ._store import JobStore, Submission
from ._types import JobTypes
from .errors import StoreUnavailableError

__all__ = ("Relay",)

logger = logging.getLogger("nestpy.queue")

_PAUSE = 1.0
_BATCH = 200
_KEEP_MARKS = 30 * 86_400.0
_PRUNE = 3600.0

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Submission)


@injectable
class Relay:
    """Carries enlisted jobs from the outbox to the store; twice is once, because the store knows their ids."""

    store: JobStore
    types: JobTypes
    outbox: Outbox | None

    @on_module_init
    async def prepare(self) -> None:
        """Let the outbox make its tables."""
        if self.outbox is not None:
            await self.outbox.prepare()

    async def enlist(self, queue: str, submission: Submission) -> bool:
        """Record a job in the transaction that runs; False where none does."""
        if self.outbox is None:
            return False
        return await self.outbox.enlist(_topic(queue), _encoder.encode(submission), id=submission.id)

    async def flush(self, queue: str) -> int:
        """Send what is pending for a queue; return how many jobs that were.

        Raises:
            StoreUnavailableError: the store does not answer; everything stays pending.
        """
        assert self.outbox is not None  # noqa: S101  # nothing is enlisted without one
        sent = 0
        while found := await self.outbox.pending(_topic(queue), _BATCH):
            await self.store.submit(queue, [_decoder.decode(one.payload) for one in found])
            await self.outbox.settle([one.id for one in found])
            sent += len(found)
            if len(found) < _BATCH:
                break
        return sent

    async def flush_quietly(self, queue: str) -> None:
        """Send what is pending, unless the store is away: then it is sent later."""
        try:
            await self.flush(queue)
        except StoreUnavailableError as error:
            logger.warning("jobs of the queue %s wait in the outbox: %s", queue, error)

    async def run(self) -> None:
        """Send what was left behind, for ever."""
        assert self.outbox is not None  # noqa: S101  # run where there is one
        loop = asyncio.get_running_loop()
        pruned = loop.time() - _PRUNE
        while True:
            for queue in self.types.queues():
                await self._try(queue)
            if loop.time() - pruned >= _PRUNE:
                pruned = loop.time()
                await self.outbox.prune(_KEEP_MARKS)
            await asyncio.sleep(_PAUSE)

    async def _try(self, queue: str) -> None:
        try:
            await self.flush(queue)
        except StoreUnavailableError:
            return
        except Exception:
            logger.exception("the outbox cannot be read; trying again")


def _topic(queue: str) -> str:
    return f"queue:{queue}"

"""What operators do to queues: counts, dead letters, pause and purge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from nestpy_core import injectable

from ._queue import JobStatus, status_of
from ._store import JobStore, QueueCounts
from ._types import JobTypes
from .errors import QueueError

__all__ = ("QueueAdmin",)


@injectable
class QueueAdmin:
    """Administers the queues that the app knows; inject it, or use ``nestpy queue``."""

    store: JobStore
    types: JobTypes

    def queues(self) -> list[str]:
        """Return the names of all queues, sorted."""
        return self.types.queues()

    async def counts(self, queue: str) -> QueueCounts:
        """Count the jobs of a queue by state."""
        return await self.store.counts(self._known(queue))

    async def find(self, queue: str, id: str) -> JobStatus | None:  # noqa: A002  # what it is called
        """Return what is known of one job."""
        found = await self.store.find(self._known(queue), id)
        return None if found is None else status_of(found)

    async def cancel(self, queue: str, id: str) -> bool:  # noqa: A002  # what it is called
        """Cancel a job; see `Queue.cancel`."""
        return await self.store.cancel(self._known(queue), id) in ("cancelled", "running")

    async def dead(self, queue: str, limit: int = 100) -> list[JobStatus]:
        """Return dead letters with their reasons, the oldest first."""
        return [status_of(found) for found in await self.store.dead(self._known(queue), limit)]

    async def replay(self, queue: str, *ids: str) -> int:
        """Let dead jobs run again with all their attempts; without ids all of the queue. Return how many.

        Raises:
            QueueError: one of the ids is not that of a dead job; then nothing is changed.
        """
        await self._check_dead(self._known(queue), ids)
        return await self.store.replay(queue, ids)

    async def purge(self, queue: str, *ids: str) -> int:
        """Forget dead jobs; without ids all of the queue. Return how many.

        Raises:
            QueueError: one of the ids is not that of a dead job; then nothing is changed.
        """
        await self._check_dead(self._known(queue), ids)
        return await self.store.purge(queue, ids)

    async def _check_dead(self, queue: str, ids: Sequence[str]) -> None:
        found = [(name, await self.store.find(queue, name)) for name in ids]
        wrong = [
            f"`{name}` is {one.state if one else 'unknown'}" for name, one in found if not one or one.state != "dead"
        ]
        if wrong:
            text = (
                f"Nothing is changed in the queue `{queue}`, because these are no dead jobs of it: {', '.join(wrong)}."
            )
            raise QueueError(f"{text}\nHint: `nestpy queue dead TARGET {queue}` lists them")

    async def pause(self, queue: str) -> None:
        """Start no more jobs of a queue, in any process; those that run finish."""
        await self.store.pause(self._known(queue), paused=True)

    async def resume(self, queue: str) -> None:
        """Go on after `pause`."""
        await self.store.pause(self._known(queue), paused=False)

    async def drained(self, queue: str, timeout: float) -> bool:  # polled, not cancelled
        """Wait until nothing of a queue waits, is delayed or runs; False if that is not so after *timeout* seconds."""
        until = time.monotonic() + timeout
        while True:
            found = await self.counts(queue)
            if not (found.waiting or found.delayed or found.running):
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(0.1)

    def _known(self, queue: str) -> str:
        if queue not in self.types.queues():
            known = ", ".join(f"`{name}`" for name in self.types.queues()) or "none"
            raise QueueError(f"There is no queue `{queue}`.\nHint: the app's queues are {known}")
        return queue

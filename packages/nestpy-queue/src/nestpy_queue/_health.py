"""What readiness and telemetry ask of the queues: whether the store answers."""

from __future__ import annotations

from nestpy_core import injectable

from ._store import JobStore
from ._types import JobTypes

__all__ = ("QueueIndicator",)


@injectable
class QueueIndicator:
    """Healthy while the store answers for every queue."""

    store: JobStore
    types: JobTypes

    name = "queue"

    async def check(self) -> None:
        """Count the jobs of each queue.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        for queue in self.types.queues():
            await self.store.counts(queue)

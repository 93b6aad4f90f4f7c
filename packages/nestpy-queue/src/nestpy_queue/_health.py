"""What readiness and telemetry ask of the queues: whether the store answers, and how much waits there."""

from __future__ import annotations

from collections.abc import Sequence

from nestpy_core import injectable
from nestpy_core.contracts import Gauge, Reading

from ._store import JobStore, QueueCounts
from ._types import JobTypes

__all__ = ("QueueIndicator",)

_DEPTH = Gauge(name="queue.depth", text="Jobs of a queue by what they do: waiting, delayed, running or dead")
_LAG = Gauge(name="queue.lag", text="Seconds that the oldest waiting job of a queue has waited", unit="s")
_WORKERS = Gauge(name="queue.workers", text="Worker processes of a queue that are alive")
_PAUSED = Gauge(name="queue.paused", text="Whether a queue is paused")


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


@injectable
class QueueGauges:
    """Shows how much of each queue waits, and since when: one short step of the store for each."""

    store: JobStore
    types: JobTypes

    gauges = (_DEPTH, _LAG, _WORKERS, _PAUSED)

    async def read(self) -> Sequence[Reading]:
        """Count the jobs of each queue.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        return [
            reading for queue in self.types.queues() for reading in _readings(queue, await self.store.counts(queue))
        ]


def _readings(queue: str, found: QueueCounts) -> list[Reading]:
    labels = {"queue": queue}
    states = {"waiting": found.waiting, "delayed": found.delayed, "running": found.running, "dead": found.dead}
    return [
        *(Reading(gauge=_DEPTH, value=count, labels={**labels, "state": state}) for state, count in states.items()),
        Reading(gauge=_LAG, value=found.lag, labels=labels),
        Reading(gauge=_WORKERS, value=found.workers, labels=labels),
        Reading(gauge=_PAUSED, value=found.paused, labels=labels),
    ]

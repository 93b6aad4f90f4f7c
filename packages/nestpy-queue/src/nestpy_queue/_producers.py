"""What every `Queue[T]` of an app shares: the store, the settings, and how single enqueues become one step."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nestpy_core import Batch, after_commit, current_actor, injectable, outgoing_trace, running_unit

from ._actors import ActorCodec, carried
from ._config import QueueConfig
from ._envelope import VERSION, Envelope, Seal, seal_of
from ._relay import Relay
from ._store import JobStore, Submission
from ._types import JobType, JobTypes
from .errors import PayloadError

__all__ = ("Producers",)


@injectable
class Producers:
    """Writes jobs and hands them to the store."""

    store: JobStore
    config: QueueConfig
    types: JobTypes
    codec: ActorCodec | None
    relay: Relay

    @property
    def seal(self) -> Seal:
        """What signs envelopes."""
        return seal_of([key.reveal() for key in self.config.signing_keys])

    def batch(self, queue: str) -> Batch[Submission, str]:
        """Return what gathers the enqueues of a queue."""

        async def submit(jobs: Sequence[Submission]) -> Sequence[str]:
            return await self.store.submit(queue, jobs)

        return Batch(submit)

    async def enlisted(self, queue: str, submission: Submission) -> bool:
        """Record a job in the transaction that runs, if any, to be sent after its commit."""
        if running_unit.get() is None or not await self.relay.enlist(queue, submission):
            return False
        await after_commit(lambda: self.relay.flush_quietly(queue))
        return True

    def write(self, kind: JobType, job: object, seal: Seal) -> bytes:
        """Return the envelope of a job.

        Raises:
            PayloadError: it cannot be written, or is too large.
        """
        payload = kind.encode(job)
        if len(payload) > self.config.max_payload_bytes:
            raise PayloadError(
                f"A `{kind.name}` of {len(payload)} bytes is more than `queue.max_payload_bytes`, "
                f"{self.config.max_payload_bytes}.\nHint: store the data and enqueue its key"
            )
        actor = carried(current_actor(), self.codec)
        raw = msgspec.Raw(payload)
        return seal.close(Envelope(v=VERSION, type=kind.name, payload=raw, trace=outgoing_trace(), actor=actor))

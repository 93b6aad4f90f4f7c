"""What every `Queue[T]` of an app shares: the store, the settings, and how single enqueues become one step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from nestpy_core import Batch, after_commit, current_actor, injectable, outgoing_trace, running_unit

from ._actors import ActorCodec, carried
from ._config import QueueConfig
from ._envelope import VERSION, Envelope, Seal, seal_of
from ._relay import Relay
from ._store import JobStore, Submission
from ._types import JobType, JobTypes
from .errors import PayloadError, StoreUnavailableError

__all__ = ("Producers",)


class Sending:
    """A job on its way to the store, and whether nobody waits for it any more."""

    __slots__ = ("given_up", "submission")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.given_up = False


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

    def sender(self, queue: str) -> Callable[[Submission], Awaitable[str]]:
        """Return what hands single jobs of a queue to the store, gathered, and answers with their ids.

        What the store may take is the limit of a job's whole way, behind those before it too. What nobody waits for any
        more is not sent, or an outage would pile it up.
        """

        async def submit(sendings: Sequence[Sending]) -> Sequence[str]:
            wanted = [one.submission for one in sendings if not one.given_up]
            ids = await self.store.submit(queue, wanted) if wanted else ()
            known = {one.id: found for one, found in zip(wanted, ids, strict=True)}
            return [known.get(one.submission.id, "") for one in sendings]

        batch = Batch(submit)

        async def send(submission: Submission) -> str:
            sending = Sending(submission)
            try:
                async with asyncio.timeout(self.store.submit_within):
                    return await batch(sending)
            except TimeoutError as error:
                raise StoreUnavailableError("Redis does not answer (TimeoutError)") from error
            finally:
                sending.given_up = True

        return send

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

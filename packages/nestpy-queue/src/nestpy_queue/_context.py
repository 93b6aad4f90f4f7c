"""One attempt at one job, as handlers and layers see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from nestpy_core import Call, ExecutionContext

from ._envelope import Envelope
from ._store import JobStore, Reservation
from .errors import LeaseLostError

__all__ = ("JobContext", "RunningJob")


class DoneBeforeError(Exception):
    """An earlier attempt has committed what this job does, and its worker died before it could say so."""


class RunningJob:
    """The attempt that runs. A handler takes it as a parameter of this type; request-scoped providers may inject it.

    Attributes:
        queue: the queue's name.
        id: the job's; the same in every attempt: the idempotency key for the world outside.
        attempt: 1 for the first.
        delivery: grows with every start, after a crash too: the fencing token.
        result: what the handler returned.
        error: what it raised.
    """

    __slots__ = ("_store", "_worker", "delivery", "envelope", "error", "payload", "reservation", "result")

    def __init__(self, reservation: Reservation, envelope: Envelope, store: JobStore, worker: str) -> None:
        self.reservation = reservation
        self.envelope = envelope
        self.payload = bytes(envelope.payload)
        self.delivery = reservation.delivery
        self.result: Any = None
        self.error: Exception | None = None
        self._store = store
        self._worker = worker

    @property
    def id(self) -> str:
        """The job's id."""
        return self.reservation.id

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self.reservation.queue

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1; workers that died count as well."""
        return self.reservation.failures + self.reservation.deaths + 1

    @property
    def enqueued_at(self) -> datetime:
        """When the job was enqueued, in UTC."""
        return datetime.fromtimestamp(self.reservation.enqueued, UTC)

    async def progress(self, value: Any) -> None:  # whatever JSON can hold
        """Tell how far the job is; whoever asks for its status sees the last value.

        Raises:
            LeaseLostError: the job was given to another worker.
        """
        if not await self._store.progress(self.reservation, self._worker, msgspec.json.encode(value)):
            raise LeaseLostError(f"The job `{self.id}` of the queue `{self.queue}` belongs to another worker by now")


class JobContext(ExecutionContext, eq=False):
    """The context of a job's layers.

    Attributes:
        job: the attempt.
    """

    edge: ClassVar[str] = "queue"

    job: Any = None  # a RunningJob


class JobCall(Call):
    """What instruments learn of an attempt."""

    __slots__ = ()

    def incoming(self) -> Mapping[str, str]:
        """Return the trace of whoever enqueued it."""
        return self.subject.envelope.trace  # type: ignore[no-any-return]

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return ``ok``, ``error`` or ``cancelled``."""
        return super().outcome(outcome, error or self.subject.error)

    def fields(self, outcome: str) -> dict[str, Any]:
        """Say which job it was, and the attempt."""
        job: RunningJob = self.subject
        return {**super().fields(outcome), "queue": job.queue, "job_id": job.id, "attempt": job.attempt}

    def attributes(self) -> Mapping[str, str | int | bool]:
        """Return the id and the attempt."""
        job: RunningJob = self.subject
        return {"messaging.message.id": job.id, "nestpy.queue.attempt": job.attempt}

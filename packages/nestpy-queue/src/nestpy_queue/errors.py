"""Every error that nestpy-queue raises.

NestPyError
└── QueueError                  anything this distribution refuses
    ├── StoreUnavailableError   Redis or the file cannot be reached in time (also ConnectionError)
    ├── PayloadError            a job that cannot be written, or is too large (also ValueError)
    ├── RetryError              raised by a handler: run this job again, after its own delay
    ├── UnrecoverableError      raised by a handler: to the dead letters at once
    └── LeaseLostError          this attempt no longer owns its job
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = (
    "LeaseLostError",
    "PayloadError",
    "QueueError",
    "RetryError",
    "StoreUnavailableError",
    "UnrecoverableError",
)


class QueueError(NestPyError):
    """The base of every error that nestpy-queue raises on purpose."""


class StoreUnavailableError(QueueError, ConnectionError):
    """What holds the jobs did not answer in time; whether an enqueue got through is not known."""


class PayloadError(QueueError, ValueError):
    """A job cannot be encoded, or its payload exceeds ``queue.max_payload_bytes``."""


class RetryError(QueueError):
    """Raise it in a handler to run the job again; it counts as one of the attempts.

    Args:
        delay: seconds until the next attempt; None for the declared backoff.
        reason: what the dead letter says if it was the last attempt.
    """

    def __init__(self, delay: float | None = None, reason: str = "the handler asked for another attempt") -> None:
        super().__init__(reason)
        self.delay = delay


class UnrecoverableError(QueueError):
    """Raise it in a handler when another attempt cannot help: the job goes to the dead letters at once."""


class LeaseLostError(QueueError):
    """The job was given to another worker, because this one seemed dead; its outcome no longer counts."""

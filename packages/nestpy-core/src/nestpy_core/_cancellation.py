"""Tells the end of the running task from a `CancelledError` that what it calls let out by itself.

``self.task.cancel(); await self.task`` raises the same error as a cancellation, and ends nobody but its own call.
"""

from __future__ import annotations

import asyncio

from .errors import StrayCancellationError

RAISED = (Exception, asyncio.CancelledError)
"""What a call of foreign code may end with; `own_failure` tells which of it is a failure."""


def own_failure(error: BaseException) -> Exception | None:
    """Return what a call failed with; None where *error* ends the running task, because somebody asked for it."""
    if isinstance(error, Exception):
        return error
    task = asyncio.current_task()
    if task is None or task.cancelling():
        return None
    failure = StrayCancellationError()
    failure.__cause__ = error
    return failure

"""Tells the end of the running task from what ends a call alone, though its class is no `Exception`.

``self.task.cancel(); await self.task`` raises the same error as a cancellation, and ends nobody but its own call. A
library that calls `sys.exit` means a process of its own, and asyncio would end the loop for it.
"""

from __future__ import annotations

import asyncio

from .errors import StrayCancellationError, StrayExitError

RAISED = (Exception, asyncio.CancelledError, SystemExit)
"""What a call of foreign code may end with; `own_failure` tells which of it is a failure."""


def own_failure(error: BaseException) -> Exception | None:
    """Return what a call failed with; None where *error* ends the running task, because somebody asked for it."""
    if isinstance(error, Exception):
        return error
    if isinstance(error, SystemExit):
        return _caused(StrayExitError(error.code), error)
    task = asyncio.current_task()
    if task is None or task.cancelling():
        return None
    return _caused(StrayCancellationError(), error)


def _caused(failure: Exception, cause: BaseException) -> Exception:
    failure.__cause__ = cause
    return failure

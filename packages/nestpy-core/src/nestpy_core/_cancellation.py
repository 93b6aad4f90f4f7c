"""Tells a cancellation of the running task from a `CancelledError` that what it calls let out by itself."""

from __future__ import annotations

import asyncio


def is_cancelled(error: BaseException) -> bool:
    """Return whether *error* ends the running task, because somebody asked for it.

    ``self.task.cancel(); await self.task`` raises the same error as a cancellation, and ends nobody but its method.
    """
    task = asyncio.current_task()
    return not isinstance(error, Exception) and (task is None or task.cancelling() > 0)

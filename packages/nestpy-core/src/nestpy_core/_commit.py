"""Lets work wait for the commit of the unit of work that runs, without knowing who commits."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol

__all__ = ("CommitQueue", "after_commit", "detached_context", "running_unit")


class CommitQueue(Protocol):
    """The unit of work that runs, as far as others may know it; storage sets it in `running_unit`."""

    def after_commit(self, callback: Callable[[], Awaitable[None] | None]) -> bool:
        """Call *callback* once everything is kept, and never when it is undone; False once the unit has ended."""
        ...


running_unit: ContextVar[CommitQueue | None] = ContextVar("nestpy_running_unit", default=None)
"""Set by storage around each unit of work whose writes are kept or undone together."""


async def after_commit(callback: Callable[[], Awaitable[None] | None]) -> None:
    """Call *callback* once the unit of work is committed, never when it is undone; at once where there is none.

    Args:
        callback: sync or async. What it raises after a commit is logged by whoever commits.
    """
    unit = running_unit.get()
    if unit is not None and unit.after_commit(callback):
        return
    made = callback()
    if inspect.isawaitable(made):
        await made


def detached_context() -> contextvars.Context:
    """Return a copy of the context for work that its caller does not wait for: a background task.

    Who acts and the trace go along. The unit of work does not: it may have been kept or undone by the time such work
    runs, so that storage, finding no `running_unit` there, begins a new one.
    """
    context = contextvars.copy_context()
    context.run(running_unit.set, None)
    return context

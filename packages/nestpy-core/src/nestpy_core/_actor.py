"""Who acts in the unit of work that runs, for every capability that asks: storage, authorization, logs, jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contracts import Actor

__all__ = ("acting_as", "current_actor")

_CURRENT: ContextVar[Actor | None] = ContextVar("nestpy_actor", default=None)


def current_actor() -> Actor | None:
    """Return who acts, or None before anybody was authenticated.

    Every edge runs each unit of work in a context of its own (`contextvars`), and tasks that it starts inherit it.
    """
    return _CURRENT.get()


def set_actor(actor: Actor | None) -> None:
    """Say who acts, for the rest of this unit of work."""
    _CURRENT.set(actor)


@contextlib.contextmanager
def acting_as(actor: Actor | None) -> Iterator[None]:
    """Let *actor* act inside the block: a script, a test, a job on somebody's behalf.

    Args:
        actor: who acts; None for nobody.
    """
    token = _CURRENT.set(actor)
    try:
        yield
    finally:
        _CURRENT.reset(token)

"""One call of a listener, as its layers and its instruments see it."""

from __future__ import annotations

from typing import Any, ClassVar

from nestpy_core import ExecutionContext

__all__ = ("EventContext",)


class EventContext(ExecutionContext, eq=False):
    """What layers know of one call of a listener.

    Attributes:
        event: the event; of a named one, what was emitted with the name.
        name: the name that was emitted; None for an event of a class.
    """

    edge: ClassVar[str] = "events"

    event: Any = None
    name: str | None = None

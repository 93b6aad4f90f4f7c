"""Every error that nestpy-events raises.

NestPyError
└── EventsError            anything this distribution refuses
    ├── EventTypeError     what was emitted is no event
    ├── EventNameError     a name or pattern that no event can have
    └── BusClosedError     the bus has not started yet, or has ended
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("BusClosedError", "EventNameError", "EventTypeError", "EventsError")


class EventsError(NestPyError):
    """The base of every error that nestpy-events raises on purpose."""


class EventTypeError(EventsError, TypeError):
    """What was emitted is neither an instance of an event class nor a name."""


class EventNameError(EventsError, ValueError):
    """A name or pattern has an empty part, or wildcards where none may stand."""


class BusClosedError(EventsError, RuntimeError):
    """An event came before the bus started or after it ended."""

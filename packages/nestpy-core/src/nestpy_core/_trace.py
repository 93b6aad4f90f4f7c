"""The trace that the running unit of work belongs to, for whoever sends something on: a job, a message, a request."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

__all__ = ("CURRENT_TRACE", "Trace", "current_trace", "outgoing_trace")


class Trace(Protocol):
    """Where the running unit of work stands in its trace (W3C Trace Context)."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        ...

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits, of the innermost span that runs."""
        ...

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        ...

    def outgoing(self) -> dict[str, str]:
        """Return ``traceparent``, and ``tracestate`` where there is one, for what this unit of work causes."""
        ...


CURRENT_TRACE: ContextVar[Trace | None] = ContextVar("nestpy_trace", default=None)
"""Set by an instrument for each unit of work; everybody else reads it through `current_trace`."""


def current_trace() -> Trace | None:
    """Return the trace of the running unit of work, or None where nothing traces."""
    return CURRENT_TRACE.get()


def outgoing_trace() -> dict[str, str]:
    """Return what a job, a message or a request to somebody else carries, by lower-case name; empty without a trace.

    An edge that receives it gives it back through `Call.incoming`, and the trace goes on there.
    """
    trace = CURRENT_TRACE.get()
    return {} if trace is None else trace.outgoing()

"""Makes OpenTelemetry's spans of units of work; loaded only where traces are exported."""

from __future__ import annotations

import threading
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from nestpy_core import Call

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from ._observer import Observed

_KINDS = {"server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER, "internal": SpanKind.INTERNAL}
_FLAGS = {True: TraceFlags(TraceFlags.SAMPLED), False: TraceFlags(TraceFlags.DEFAULT)}
_LONGEST = 512


class GivenIds(IdGenerator):
    """Gives the next span of a thread the ids that were decided before it, any other one random ids."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._given = threading.local()

    def give(self, trace_id: int, span_id: int) -> None:
        """Decide the ids of the next span of this thread."""
        self._given.trace_id, self._given.span_id = trace_id, span_id

    def forget(self) -> None:
        """Take back what the next span did not use."""
        self._given.trace_id = self._given.span_id = None

    def generate_trace_id(self) -> int:
        """Return the trace id of a new root span."""
        given: int | None = getattr(self._given, "trace_id", None)
        return self._random.generate_trace_id() if given is None else given

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        given: int | None = getattr(self._given, "span_id", None)
        return self._random.generate_span_id() if given is None else given


class OpenSpan:
    """A span that runs, and what it stands before in OpenTelemetry's context."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Token[Context] | None = otel_context.attach(trace.set_span_in_context(span))

    def innermost(self, trace_id: str) -> str | None:
        """Return the id of the app's own span that runs inside of this one; None outside of this trace."""
        current = trace.get_current_span().get_span_context()
        return f"{current.span_id:016x}" if f"{current.trace_id:032x}" == trace_id else None

    def end(self, call: Call, outcome: str, error: BaseException | None) -> None:
        """End it with what is known of the call now; the text of an error stays in the log."""
        if self._token is not None:
            otel_context.detach(self._token)
            self._token = None
        span = self._span
        if span.is_recording():
            span.set_attributes(dict(call.attributes()))
            if call.failed(outcome):
                span.set_attribute("error.type", outcome if error is None else type(error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
        span.end()


class Spans:
    """Begins the spans of units of work."""

    def __init__(self, tracer: Tracer, ids: GivenIds) -> None:
        self._tracer = tracer
        self._ids = ids

    def begin(self, observed: Observed, call: Call) -> OpenSpan:
        """Begin a span with the ids of *observed*; one that records nothing where the trace is not sampled."""
        trace_id, span_id = int(observed.trace_id, 16), int(observed.own_span, 16)
        if not observed.sampled:
            return OpenSpan(
                NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=_FLAGS[False]))
            )
        self._ids.give(trace_id, span_id)
        try:
            span = self._tracer.start_span(
                call.kind.operation or call.kind.name,
                context=_parent(observed, trace_id),
                kind=_KINDS[call.kind.kind],
                attributes=dict(call.kind.attributes),
            )
        finally:
            self._ids.forget()
        if observed.parent is None and not call.trusted:
            claimed = call.incoming().get("traceparent")
            if claimed:
                span.set_attribute("nestpy.claimed_traceparent", claimed[:_LONGEST])
        return OpenSpan(span)


def _parent(observed: Observed, trace_id: int) -> Context:
    parent = observed.parent
    if parent is None:
        return Context()
    state = TraceState.from_header([parent.state]) if parent.state else None
    remote = SpanContext(trace_id, int(parent.span_id, 16), is_remote=True, trace_flags=_FLAGS[True], trace_state=state)
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())

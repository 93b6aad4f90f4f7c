"""Observes each unit of work on every edge: its trace, its line, its measurements."""

from __future__ import annotations

import logging
from contextvars import Token
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nestpy_core import CURRENT_TRACE, AppConfig, Call, Trace, injectable

from ._config import TelemetryConfig
from ._exporting import Exporting
from ._lines import LogSink
from ._log_pipeline import LEVELS, level_of
from ._metrics import Metrics
from ._trace_context import Parent, is_sampled, new_span_id, new_trace_id, parent_of

if TYPE_CHECKING:
    from ._spans import OpenSpan

logger = logging.getLogger("nestpy.telemetry")


class Observed:
    """One unit of work that runs; it is its trace too.

    Attributes:
        call: what runs.
        parent: the span that caused it; None where a trace begins.
        own_span: the id of its own span.
        trace_id: 32 hexadecimal digits.
        sampled: whether the trace is recorded.
    """

    __slots__ = ("_token", "began", "call", "own_span", "parent", "sampled", "span", "trace_id")

    def __init__(self, call: Call, trace_id: str, parent: Parent | None, *, sampled: bool) -> None:
        self.call = call
        self.parent = parent
        self.trace_id = trace_id
        self.sampled = sampled
        self.span: OpenSpan | None = None
        self.began = 0.0
        self.own_span = f"{new_span_id():016x}"
        self._token: Token[Trace | None] | None = None

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits, of the innermost span that runs."""
        inner = None if self.span is None else self.span.innermost(self.trace_id)
        return inner or self.own_span

    def outgoing(self) -> dict[str, str]:
        """Return ``traceparent`` and ``tracestate`` for what this unit of work causes."""
        parent = f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"
        state = self.parent.state if self.parent is not None else ""
        return {"traceparent": parent, "tracestate": state} if state else {"traceparent": parent}

    def headers(self) -> list[tuple[str, str]]:
        """Return what the answer carries: the trace, and this span in it (W3C Trace Context, level 2)."""
        flags = "01" if self.sampled else "00"
        return [("x-trace-id", self.trace_id), ("traceresponse", f"00-{self.trace_id}-{self.own_span}-{flags}")]

    def enter(self) -> None:
        """Become the trace of what runs from here on."""
        self._token = CURRENT_TRACE.set(self)
        self.began = perf_counter()

    def leave(self) -> None:
        """Give way to the trace before."""
        if self._token is not None:
            try:  # noqa: SIM105  # a context manager would cost twice the reset
                CURRENT_TRACE.reset(self._token)
            except ValueError:  # it ends in another context than it began in
                pass
            self._token = None


@injectable
class Observer:
    """The instrument that stands around every call of every edge. What fails in it is logged and fails no call."""

    def __init__(
        self,
        config: TelemetryConfig,
        app: AppConfig,
        sink: LogSink,
        metrics: Metrics,
        exporting: Exporting,
    ) -> None:
        self._sink = sink
        self._metrics = metrics if config.metrics else None
        self._spans = exporting.spans
        self._meters = exporting.meters
        level = LEVELS[level_of(config, app.log_level)]
        self._logged = {name for name in ("debug", "info") if config.operations and level <= LEVELS[name]}
        self._headers = config.trace_headers
        self._ratio = 0.0 if exporting.spans is None else config.sample_ratio
        self._failed = False

    def begin(self, call: Call) -> Observed | None:
        """Begin to observe a call; what `end` is to be given."""
        try:
            observed = self._traced(call)
            if self._spans is not None:
                observed.span = self._spans.begin(observed, call)
            if self._headers and call.kind.kind == "server":
                call.answer_with(observed.headers())
            if self._metrics is not None:
                self._metrics.begin(call.kind)
            observed.enter()
        except Exception as error:  # noqa: BLE001  # telemetry is never why a call fails
            self._report(error)
            return None
        return observed

    def end(self, observed: Observed | None, outcome: Any, error: BaseException | None) -> None:
        """Write the line of a call that has ended, and measure it."""
        if observed is None:
            return
        try:
            self._tell(observed, outcome, error)
        except Exception as failure:  # noqa: BLE001  # as above
            self._report(failure)
        finally:
            observed.leave()

    def _traced(self, call: Call) -> Observed:
        ambient = CURRENT_TRACE.get() if call.kind.kind == "internal" else None
        if ambient is not None:
            parent = parent_of(ambient.outgoing())
        else:
            incoming = call.incoming()
            parent = parent_of(incoming) if incoming and call.trusted else None
        if parent is not None:
            return Observed(call, parent.trace_id, parent, sampled=parent.sampled)
        trace_id = new_trace_id()
        return Observed(call, f"{trace_id:032x}", None, sampled=is_sampled(trace_id, self._ratio))

    def _tell(self, observed: Observed, outcome: Any, error: BaseException | None) -> None:
        call = observed.call
        seconds = perf_counter() - observed.began
        ended = call.outcome(outcome, error)
        if self._metrics is not None:
            self._metrics.end(call.kind, ended, seconds)
        if self._meters is not None:
            self._meters.record(call.kind, ended, seconds)
        if observed.span is not None:
            observed.span.end(call, ended, error)
        if call.kind.level in self._logged:
            fields = {**call.fields(ended), "duration_ms": round(seconds * 1000, 3)}
            self._sink.operation(call.kind.name, fields, call.kind.level)

    def _report(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            logger.error("a unit of work could not be observed: %s", type(error).__name__, exc_info=error)

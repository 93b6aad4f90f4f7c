"""One unit of work as operation instruments see it, whatever its edge: what logs, metrics and traces say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ._record import Record

__all__ = ("Call", "CallKind")

_NOTHING: Mapping[str, Any] = {}


class CallKind(Record, frozen=True, kw_only=True, eq=False):
    """What is known at boot about every call of one handler; an app has as many as it has handlers.

    Attributes:
        edge: the edge's name, for instance ``http``.
        name: what logs call such a unit of work: ``http.request``, ``queue.job``, ``schedule.tick``,
            ``events.dispatch``, ``graphql.operation``, ``mcp.operation``.
        operation: which one, for instance ``GET /users/{id}`` or ``orders.ship``; it names spans.
        kind: ``server`` answers somebody outside, ``consumer`` takes from a queue, ``internal`` is caused by what runs
            in this process and belongs to the trace of that.
        labels: what metrics tell calls apart by, beside the outcome; the same names for every call of one name.
        outcome: what metrics call the outcome, for instance ``status``.
        attributes: of each span and each measurement, by OpenTelemetry's semantic conventions.
        outcome_attribute: what those conventions call the outcome.
        level: of its line in the log; ``debug`` for what runs all the time and tells something only when it fails.
    """

    edge: str
    name: str
    operation: str
    kind: Literal["server", "consumer", "internal"] = "internal"
    labels: Mapping[str, str] = _NOTHING
    outcome: str = "outcome"
    attributes: Mapping[str, str | int | bool] = _NOTHING
    outcome_attribute: str = "nestpy.outcome"
    level: Literal["debug", "info"] = "info"


class Call:
    """One call, made only where an instrument of the site ``operation`` stands; edges subclass it with what they know.

    Attributes:
        kind: what is known of it since boot.
        subject: the edge's own object: the request, the job, the event.
        trusted: whether what `incoming` returns may be believed.
    """

    __slots__ = ("kind", "subject")

    trusted: bool = True

    def __init__(self, kind: CallKind, subject: Any) -> None:
        self.kind = kind
        self.subject = subject

    def incoming(self) -> Mapping[str, str]:
        """Return ``traceparent`` and ``tracestate`` as they came with it, by lower-case name."""
        return _NOTHING

    def answer_with(self, headers: list[tuple[str, str]]) -> None:
        """Put headers, lower case, on whatever the answer will be; nothing happens on an edge without headers."""

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return how it ended, in one of few words: ``ok``, ``error`` or ``cancelled``; HTTP's status as text.

        Args:
            outcome: what the compiled function told its instruments.
            error: what it raised, if anything.
        """
        del outcome
        if error is None:
            return "ok"
        return "error" if isinstance(error, Exception) else "cancelled"

    def failed(self, outcome: str) -> bool:
        """Return whether that is a failure of ours, not of the caller: then the span is marked so."""
        return outcome != "ok"

    def fields(self, outcome: str) -> dict[str, Any]:
        """Return what its operation line says beside its name, its duration and its trace."""
        return {"operation": self.kind.operation, self.kind.outcome: outcome}

    def attributes(self) -> Mapping[str, str | int | bool]:
        """Return what only this call's span says, by OpenTelemetry's semantic conventions; read at its end."""
        return _NOTHING

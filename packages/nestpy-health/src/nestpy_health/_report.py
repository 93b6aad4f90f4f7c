"""What a probe says: the reports, and their JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from nestpy_core.contracts import EndpointAnswer

__all__ = ("HealthReport", "IndicatorReport")

Status = Literal["up", "down"]

HEADERS = {"content-type": "application/json", "cache-control": "no-store"}

_encode = msgspec.json.Encoder().encode


class IndicatorReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one indicator.

    Attributes:
        name: what it is called.
        status: ``up`` or ``down``.
        error: why it is down, in words that tell nothing of the cause: ``check failed``, ``timed out``,
            ``probe deadline exceeded``; of the app itself ``starting``, ``shutting down``, ``held back``.
    """

    name: str
    status: Status
    error: str | None = None


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe answers, ordered by name.

    Attributes:
        status: ``up`` when every indicator is.
        info: those that are up, by name.
        error: those that are down, by name.
        details: all of them.
    """

    status: Status
    info: Mapping[str, IndicatorReport]
    error: Mapping[str, IndicatorReport]
    details: Mapping[str, IndicatorReport]


def report_of(indicators: Iterable[IndicatorReport]) -> HealthReport:
    """Return the report of what *indicators* said."""
    details = {each.name: each for each in sorted(indicators, key=lambda each: each.name)}
    error = {name: each for name, each in details.items() if each.status == "down"}
    info = {name: each for name, each in details.items() if each.status == "up"}
    return HealthReport(status="down" if error else "up", info=info, error=error, details=details)


def answer_of(report: HealthReport, *, details: bool) -> EndpointAnswer:
    """Return the answer of a probe: 200 or 503, with the report as JSON."""
    if not details:
        report = HealthReport(status=report.status, info={}, error={}, details={})
    return EndpointAnswer(status=200 if report.status == "up" else 503, headers=HEADERS, body=_encode(report))


STARTING = report_of([IndicatorReport(name="app", status="down", error="starting")])
SHUTTING_DOWN = report_of([IndicatorReport(name="app", status="down", error="shutting down")])
HELD_BACK = report_of([IndicatorReport(name="app", status="down", error="held back")])

"""The decorated indicators of one app, by probe: the edge fills it when it compiles, `Health` reads it at start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nestpy_core import Record

if TYPE_CHECKING:
    from ._check import Check


class Indicator(Record, frozen=True, eq=False):
    """One compiled indicator.

    Attributes:
        name: what the answer calls it.
        timeout: seconds that it may take; None for the setting.
        call: runs it.
    """

    name: str
    timeout: float | None
    call: Callable[[Check], Awaitable[Any]]


class IndicatorTable:
    """Indicators by probe, in order of host and definition."""

    def __init__(self) -> None:
        self._indicators: dict[str, list[Indicator]] = {}

    def __getitem__(self, probe: str) -> list[Indicator]:
        return self._indicators.get(probe, [])

    def add(self, probe: str, indicator: Indicator) -> None:
        """Take in one more."""
        self._indicators.setdefault(probe, []).append(indicator)

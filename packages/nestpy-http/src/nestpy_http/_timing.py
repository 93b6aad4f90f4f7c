"""`Server-Timing`: what handlers and layers measured, and the whole request (Server Timing, W3C)."""

from __future__ import annotations

import re
from time import perf_counter
from types import TracebackType
from typing import Any

from ._router import Route
from ._wrapping import WrappedProtocol

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class TimedProtocol(WrappedProtocol):
    """Puts ``Server-Timing`` on whatever is answered: the recorded entries in order, then ``total``.

    Attributes:
        timings: names, milliseconds and descriptions recorded so far.
    """

    __slots__ = ("_began", "timings")

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.timings: list[tuple[str, float, str]] = []
        self._began = perf_counter()

    def headers(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Append the header; one that the handler set stays."""
        total = ("total", (perf_counter() - self._began) * 1000, "")
        entries = [entry(*one) for one in (*self.timings, total) if _TOKEN.fullmatch(one[0])]
        return [*headers, ("server-timing", ", ".join(entries))]


class Timing:
    """Measures what stands inside its ``with``; without ``server_timing=True`` it does nothing."""

    __slots__ = ("_began", "_description", "_name", "_timings")

    def __init__(self, timings: list[tuple[str, float, str]] | None, name: str, description: str) -> None:
        self._timings = timings
        self._name = name
        self._description = description
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timings is not None:
            self._timings.append((self._name, (perf_counter() - self._began) * 1000, self._description))


def entry(name: str, milliseconds: float, description: str = "") -> str:
    """Return one entry; a description that is no token is quoted, one that no header may hold is left out."""
    text = f"{name};dur={milliseconds:.2f}"
    if not description or not (description.isascii() and description.isprintable()):
        return text
    if _TOKEN.fullmatch(description):
        return f"{text};desc={description}"
    escaped = description.replace("\\", "\\\\").replace('"', '\\"')
    return f'{text};desc="{escaped}"'


def timed(kernel: Route) -> Route:
    """Return *kernel* with the header on every answer, refusals included."""

    def measured(scope: Any, protocol: Any) -> Any:
        return kernel(scope, TimedProtocol(protocol))

    return measured

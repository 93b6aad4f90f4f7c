"""Nanoseconds of one call: the best of many short batches that visit all calls in turn, the empty call subtracted."""

from __future__ import annotations

import gc
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """One call's cost in nanoseconds of CPU time.

    Attributes:
        best: of all batches; interruptions only ever add.
        median: how far it lies above `best` tells how busy the machine was.
    """

    best: float
    median: float


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """How thoroughly to measure: `batches` of about `seconds` for each call."""

    batches: int = 40
    seconds: float = 0.01

    def time(self, calls: Mapping[str, Call]) -> dict[str, Timing]:
        """Time calls that do all their work synchronously.

        They are visited in turn, so that a minute in which the machine is slow falls on all of them, and on none of the
        bests. Garbage collection is off meanwhile.
        """
        timers = {name: timeit.Timer(call, timer=time.process_time) for name, call in calls.items()}
        empty = timeit.Timer(_nothing, timer=time.process_time)
        collecting = gc.isenabled()
        gc.disable()
        try:
            loops = {name: self._enough_loops(timer) for name, timer in timers.items()}
            batches: dict[str, list[float]] = {name: [] for name in timers}
            nothing = []
            for _ in range(self.batches):
                nothing.append(_nanoseconds(empty, 10_000))
                for name, timer in timers.items():
                    batches[name].append(_nanoseconds(timer, loops[name]))
        finally:
            if collecting:
                gc.enable()
        return {name: _without(min(nothing), several) for name, several in batches.items()}

    def _enough_loops(self, timer: timeit.Timer) -> int:
        """The number of calls that fills a batch, found by doubling and then scaled."""
        loops = 1
        while (took := timer.timeit(loops)) < self.seconds / 4:
            loops *= 2
        return max(1, round(loops * self.seconds / took))


_SMALL = tuple(range(256)) * 4


def calibration() -> int:
    """The yardstick for two machines, or for one on two days: 1,024 turns of a loop that allocates nothing.

    `sum(range(1000))` would not do: its integers may make the allocator give memory back and take it again each time.
    """
    total = 0
    for number in _SMALL:
        total ^= number
    return total


def _nanoseconds(timer: timeit.Timer, loops: int) -> float:
    return timer.timeit(loops) / loops * 1e9


def _without(overhead: float, batches: list[float]) -> Timing:
    return Timing(max(min(batches) - overhead, 0.0), max(median(batches) - overhead, 0.0))


def _nothing() -> None:
    """Stand in for a call that costs nothing but being called."""

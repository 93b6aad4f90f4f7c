"""What a run measured, reduced to medians and to ratios inside one round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, Self

from harness.processes import Boot, Memory

Metric = Literal["cpu", "rate", "p50", "p99"]
METRICS: tuple[Metric, ...] = ("cpu", "rate", "p50", "p99")


@dataclass(frozen=True, slots=True)
class Figure:
    """A median and the range it comes from."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """The figure of some values, None for none."""
        known = sorted(values)
        return cls(median(known), known[0], known[-1]) if known else None

    @property
    def spread(self) -> float:
        """The range as a part of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One contestant under one workload in one round.

    Attributes:
        cpu: CPU milliseconds of the server's process tree per 1,000 requests.
        rate: requests per second.
        p50, p90, p99: latency in milliseconds.
        faults: wrong answers, broken and refused connections.
    """

    contestant: str
    workload: str
    round: int
    cpu: float
    rate: float
    p50: float
    p90: float
    p99: float
    faults: int = 0

    def value(self, metric: Metric) -> float:
        return float(getattr(self, metric))


@dataclass(slots=True)
class ProcessFigures:
    """One contestant's process tree, whatever it answered."""

    boots: list[Boot] = field(default_factory=list)
    idle: Memory | None = None
    loaded: Memory | None = None

    def boot(self) -> float | None:
        """Median milliseconds to the first answer."""
        return median(boot.milliseconds for boot in self.boots) if self.boots else None

    def boot_cpu(self) -> float | None:
        """Median CPU milliseconds to the first answer."""
        return median(boot.cpu_milliseconds for boot in self.boots) if self.boots else None


@dataclass(slots=True)
class Results:
    """Everything one run measured, and why the rest was not.

    Attributes:
        refusals: reasons by contestant and workload; the workload is empty for a contestant that did not take part.
    """

    visits: list[Visit] = field(default_factory=list)
    processes: dict[str, ProcessFigures] = field(default_factory=dict)
    refusals: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def figure(self, contestant: str, workload: str, metric: Metric) -> Figure | None:
        """The median over all rounds, None where it was not measured or an answer was wrong."""
        visits = self._sound(contestant, workload)
        return Figure.of(visit.value(metric) for visit in visits)

    def ratio(self, contestant: str, workload: str, metric: Metric, to: str) -> Figure | None:
        """How the contestant compares with another one, taken round by round so that a drift of the machine cancels.

        For `cpu` this is work per CPU-second and for `rate` throughput: above 1 is better than the other. For `p50`
        and `p99` it is waiting time: below 1 is better.
        """
        others = {visit.round: visit.value(metric) for visit in self._sound(to, workload)}
        own = {visit.round: visit.value(metric) for visit in self._sound(contestant, workload)}
        pairs = [(own[number], others[number]) for number in own.keys() & others.keys()]
        if metric == "cpu":
            pairs = [(other, mine) for mine, other in pairs]
        return Figure.of(upper / lower for upper, lower in pairs if lower)

    def faults(self, contestant: str, workload: str) -> int:
        return sum(visit.faults for visit in self._of(contestant, workload))

    def contestants(self) -> list[str]:
        """Who has figures, in the order they were visited."""
        return list(dict.fromkeys([*self.processes, *(visit.contestant for visit in self.visits)]))

    def _of(self, contestant: str, workload: str) -> Sequence[Visit]:
        return [visit for visit in self.visits if (visit.contestant, visit.workload) == (contestant, workload)]

    def _sound(self, contestant: str, workload: str) -> Sequence[Visit]:
        return () if self.faults(contestant, workload) else self._of(contestant, workload)

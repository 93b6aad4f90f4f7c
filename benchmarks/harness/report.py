"""A run as Markdown and as JSON; both begin with machine, date, versions and method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.contestants import BASELINE, SAME_SETTINGS, SUBJECT
from harness.figures import METRICS, Metric, Results
from harness.processes import Memory
from harness.targets import Verdict, tally

_HEADINGS: Mapping[Metric, str] = {
    "cpu": "CPU milliseconds per 1,000 requests (work per CPU-second against raw RSGI, more is better)",
    "rate": "Requests per second (against raw RSGI, more is better)",
    "p50": "Median latency in milliseconds (against raw RSGI, less is better)",
    "p99": "99th percentile of latency in milliseconds (against raw RSGI, less is better)",
}
_DIGITS: Mapping[Metric, int] = {"cpu": 1, "rate": 0, "p50": 2, "p99": 2}


@dataclass(frozen=True, slots=True)
class Report:
    """A run that can be written down.

    Attributes:
        circumstances: machine, date and options, in the order they are printed.
        versions: the distributions of each contestant.
        titles: contestants in words.
        method: one paragraph.
    """

    circumstances: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    titles: Mapping[str, str]
    method: str
    workloads: Mapping[str, str]
    results: Results
    verdicts: Sequence[Verdict]

    def markdown(self) -> str:
        """The whole report for a reader."""
        parts = ["# NestPy beside its peers over HTTP", self._preface(), self.method]
        parts += [f"## {_HEADINGS[metric]}\n\n{self._load_table(metric)}" for metric in METRICS]
        parts += [f"## Memory and boot (against raw RSGI, less is better)\n\n{self._process_table()}"]
        parts += [f"## Targets\n\n{self._target_table()}", *self._left_out()]
        return "\n\n".join(parts) + "\n"

    def data(self) -> dict[str, Any]:  # ready for `json.dumps`
        """The whole report for a program, with every visit."""
        results = self.results
        refusals = [
            {"contestant": who, "workload": what, "reasons": why} for (who, what), why in results.refusals.items()
        ]
        return {
            "circumstances": dict(self.circumstances),
            "versions": {name: dict(found) for name, found in self.versions.items()},
            "method": self.method,
            "workloads": dict(self.workloads),
            "visits": [asdict(visit) for visit in results.visits],
            "processes": {name: asdict(figures) for name, figures in results.processes.items()},
            "refusals": refusals,
            "targets": [asdict(verdict) for verdict in self.verdicts],
        }

    def _preface(self) -> str:
        lines = [f"- {name}: {value}" for name, value in self.circumstances.items()]
        for name, found in self.versions.items():
            listed = ", ".join(f"{distribution} {version}" for distribution, version in found.items())
            lines.append(f"- {self.titles[name]}: {listed}")
        lines += [f"- {name}: {subject}" for name, subject in self.workloads.items()]
        return "\n".join(lines)

    def _load_table(self, metric: Metric) -> str:
        rows = [
            [self.titles[name], *(self._load_cell(name, workload, metric) for workload in self.workloads)]
            for name in self.results.contestants()
        ]
        return table(["", *self.workloads], rows)

    def _load_cell(self, contestant: str, workload: str, metric: Metric) -> str:
        figure = self.results.figure(contestant, workload, metric)
        if figure is None:
            faults = self.results.faults(contestant, workload)
            return f"{faults} {'fault' if faults == 1 else 'faults'}" if faults else "–"
        text = f"{figure.median:,.{_DIGITS[metric]}f}"
        ratio = self.results.ratio(contestant, workload, metric, BASELINE)
        return text if ratio is None else f"{text} ({ratio.median:.2f})"

    def _process_table(self) -> str:
        header = ["", "idle PSS MB", "idle RSS MB", "loaded PSS MB", "loaded RSS MB", "boot ms", "boot CPU ms"]
        base = self._process_values(BASELINE)
        rows = []
        for name in self.results.processes:
            cells = zip(self._process_values(name), base, strict=True)
            rows.append([self.titles[name], *(_against(value, other) for value, other in cells)])
        return table(header, rows)

    def _process_values(self, contestant: str) -> list[float | None]:
        figures = self.results.processes.get(contestant)
        if figures is None:
            return [None] * 6
        memory = [each for state in (figures.idle, figures.loaded) for each in _memory_values(state)]
        return [*memory, figures.boot(), figures.boot_cpu()]

    def _target_table(self) -> str:
        """Ratios as a matrix of peers and workloads, the process's own limits below it."""
        ratios = [each for each in self.verdicts if each.workload]
        peers = dict.fromkeys(each.against for each in ratios)
        cells = {(each.against, each.workload): _judged(each) for each in ratios}
        columns = list(dict.fromkeys(each.workload for each in ratios))
        matrix = table(["", *columns], [[peer, *(cells.get((peer, name), "") for name in columns)] for peer in peers])
        limits = [[each.against, each.wanted, each.value, each.word] for each in self.verdicts if not each.workload]
        about = "NestPy's work per CPU-second over the peer's: median, target, verdict."
        return "\n\n".join(
            [
                tally(self.verdicts),
                about,
                matrix,
                *self._framework_cost(),
                table(["", "target", "measured", ""], limits),
            ]
        )

    def _framework_cost(self) -> Iterable[str]:
        """What is left of the ratio to raw RSGI once both have the same settings of the server."""
        ratios = [self.results.ratio(SUBJECT, workload, "cpu", SAME_SETTINGS) for workload in self.workloads]
        if any(ratios):
            cells = ["–" if ratio is None else f"{ratio.median:.2f}" for ratio in ratios]
            yield "The same over raw RSGI on granian with NestPy's own settings: what the framework costs."
            yield table(["", *self.workloads], [[SAME_SETTINGS, *cells]])

    def _left_out(self) -> Iterable[str]:
        if not self.results.refusals:
            return
        yield "## Not measured"
        for (contestant, workload), reasons in self.results.refusals.items():
            where = f"{self.titles[contestant]}{', ' if workload else ''}{workload}"
            yield "\n".join(f"- {where}: {reason}" for reason in reasons)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in a terminal as well; the first column is left-aligned."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(aligned)} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *map(line, rows)])


def _against(value: float | None, base: float | None) -> str:
    if value is None:
        return "–"
    text = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return f"{text} ({value / base:.2f})" if base else text


def _judged(verdict: Verdict) -> str:
    return f"{verdict.value} ({verdict.wanted}) {'' if verdict.met is None else verdict.word}".rstrip()


def _memory_values(memory: Memory | None) -> tuple[float | None, float | None]:
    return (memory.pss, memory.rss) if memory else (None, None)

"""Compare NestPy with its peers over HTTP: `make bench`, or `make bench ARGS="--quick --workloads W1,W5"`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Self

import peers
from harness import contestants, gate, load, machine, targets, workloads
from harness.contestants import BASELINE, INSTALLED, PYTHON, Contestant
from harness.figures import ProcessFigures, Results, Visit
from harness.processes import CpuReading, Memory, Server, ServerError
from harness.report import Report
from harness.workloads import Workload

STEADY = 0.05
"""Warm-up ends when CPU per request changes by less than this between two slices."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does.

    Attributes:
        warm_up: most slices of `slice_seconds` a contestant is warmed with before each workload.
    """

    contestants: Sequence[Contestant]
    workloads: Sequence[Workload]
    rounds: int
    seconds: float
    connections: int
    boots: int
    warm_up: int
    slice_seconds: float
    quick: bool


def plan(arguments: Sequence[str] | None = None) -> tuple[Plan, Path]:
    """Read the command line: what to do, and the directory for its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--contestants", type=_names, default=[], metavar="A,B", help="all of them when absent")
    parser.add_argument("--workloads", type=_names, default=list(workloads.DEFAULT), metavar="W1,W2", help="also W9")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each contestant for each workload")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one visit")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="two short rounds, little warm-up: a smoke test")
    parser.add_argument(
        "--output", type=Path, default=INSTALLED / "results", help="where JSON and Markdown are written"
    )
    options = parser.parse_args(arguments)
    try:
        who, what = contestants.chosen(options.contestants), workloads.chosen(options.workloads)
    except ValueError as error:
        parser.error(str(error))
    quick = options.quick
    rounds, seconds = (2, 0.5) if quick else (options.rounds, options.seconds)
    chosen = Plan(
        who,
        what,
        rounds=rounds,
        seconds=seconds,
        connections=options.connections,
        boots=1 if quick else 3,
        warm_up=2 if quick else 10,
        slice_seconds=0.3 if quick else 1.0,
        quick=quick,
    )
    return chosen, options.output


def _names(text: str) -> list[str]:
    return [name for name in text.replace(" ", "").split(",") if name]


@dataclass(slots=True)
class Run:
    """The servers of one run, all up at once, and what was measured on them."""

    plan: Plan
    program: Path
    logs: Path
    cores: machine.Cores
    results: Results = field(default_factory=Results)
    servers: dict[str, Server] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def measure(self) -> Results:
        """Boot everyone, hold the gate, then put one workload after the other under load."""
        for contestant in self.plan.contestants:
            self._measure_boot(contestant)
        for contestant in self.plan.contestants:
            if contestant.name in self.results.processes:
                self.servers[contestant.name] = self._start(contestant)
        passed = {workload.name: list(self._passing(workload)) for workload in self.plan.workloads}
        idle = {name: Memory.of(server.pid) for name, server in self.servers.items()}
        for workload in self.plan.workloads:
            self._put_under_load(workload, passed[workload.name])
        for name, server in self.servers.items():
            figures = self.results.processes[name]
            figures.loaded = figures.idle and figures.idle.grown(idle[name], Memory.of(server.pid))
        return self.results

    def _measure_boot(self, contestant: Contestant) -> None:
        """Start it alone, once for the caches' sake and then as often as boot is measured."""
        figures = ProcessFigures()
        try:
            for attempt in range(self.plan.boots + 1):
                server = self._start(contestant)
                if attempt and server.boot:
                    figures.boots.append(server.boot)
                figures.idle = idle = Memory.of(server.pid)
                server.stop()
        except ServerError as error:
            self._refuse(contestant.name, "", [str(error)])
            return
        self.results.processes[contestant.name] = figures
        say(f"boot  {contestant.name:13} {figures.boot():6.0f} ms  idle {idle.pss:6.1f} MB PSS")

    def _start(self, contestant: Contestant) -> Server:
        server = contestant.server(self.cores.server, self.logs)
        self.stack.callback(server.stop)
        first = workloads.WORKLOADS[0].loaded
        server.start(first.path, first.answer or b"")
        return server

    def _passing(self, workload: Workload) -> Iterator[Contestant]:
        for contestant in self.plan.contestants:
            server = self.servers.get(contestant.name)
            if server is None:
                continue
            reasons = gate.failures(server.port, workload)
            if reasons:
                self._refuse(contestant.name, workload.name, reasons)
            else:
                yield contestant

    def _put_under_load(self, workload: Workload, passing: Sequence[Contestant]) -> None:
        for contestant in passing:
            self._warm(contestant, workload)
        for number in range(self.plan.rounds):
            turn = number % len(passing) if passing else 0
            for contestant in [*passing[turn:], *passing[:turn]]:
                visit = self._visit(contestant, workload, number, self.plan.seconds)
                if visit is not None:
                    self.results.visits.append(visit)
                    progress = f"{visit.cpu:8.1f} ms/1k {visit.rate:9,.0f} req/s  p99 {visit.p99:7.2f} ms"
                    faults = f"  {visit.faults} FAULTS" if visit.faults else ""
                    rounds = f"{number + 1}/{self.plan.rounds}"
                    say(f"{workload.name:5} {contestant.name:13} {rounds:5} {progress}{faults}")

    def _warm(self, contestant: Contestant, workload: Workload) -> None:
        """Load it until its cost per request is steady: a just-in-time compiler needs seconds for each workload."""
        before = 0.0
        for _ in range(self.plan.warm_up):
            visit = self._visit(contestant, workload, -1, self.plan.slice_seconds)
            if visit is None or abs(visit.cpu - before) < STEADY * visit.cpu:
                return
            before = visit.cpu

    def _visit(self, contestant: Contestant, workload: Workload, number: int, seconds: float) -> Visit | None:
        server = self.servers.get(contestant.name)
        if server is None:
            return None
        connections = workload.connections or self.plan.connections
        try:
            before = CpuReading.of(server.pid)
            seen = load.run(
                self.program,
                workload.loaded,
                port=server.port,
                connections=connections,
                seconds=seconds,
                core=self.cores.load,
            )
            used = CpuReading.of(server.pid).seconds_since(before)
            server.check()
        except (load.LoadError, ServerError) as error:
            self._refuse(contestant.name, workload.name, [str(error)])
            self._give_up_dead(contestant.name)
            return None
        return Visit(
            contestant.name,
            workload.name,
            number,
            cpu=used * 1e6 / seen.served,
            rate=seen.requests / seen.seconds,
            p50=seen.p50 / 1000,
            p90=seen.p90 / 1000,
            p99=seen.p99 / 1000,
            faults=seen.faults,
        )

    def _give_up_dead(self, name: str) -> None:
        try:
            self.servers[name].check()
        except ServerError:
            del self.servers[name]

    def _refuse(self, contestant: str, workload: str, reasons: list[str]) -> None:
        self.results.refusals.setdefault((contestant, workload), []).extend(reasons)
        say(f"{workload or 'start':5} {contestant:13} NOT MEASURED: {reasons[0]}")


def say(line: str) -> None:
    """Show progress; results alone go to standard output."""
    print(line, file=sys.stderr, flush=True)


def report(plan: Plan, results: Results, cores: machine.Cores, stolen: float) -> Report:
    """Put what was measured beside the circumstances."""
    taking_part = [each for each in plan.contestants if each.name in results.processes]
    circumstances = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **machine.describe(),
        "stolen by the hypervisor during the run": f"{stolen:.1%}",
        "Python of the peers": machine.python_version(PYTHON),
        "Python of NestPy": machine.python_version(Path(sys.executable)),
        "`sum(range(1000))`": f"{machine.loop_microseconds(PYTHON, cores.server):.1f} µs",
        "largest spread of raw RSGI's CPU over the rounds": _spread(results, plan),
    }
    where = "one shared core" if cores.shared else f"server on core {cores.server}, load on core {cores.load}"
    method = " ".join(
        [
            f"{where[0].upper()}{where[1:]}; {plan.connections} keep-alive connections, no pipelining, every answer",
            f"compared byte by byte; all servers up; {plan.rounds} rounds of {plan.seconds:g} s that visit every",
            "contestant in turn after a warm-up until steady; medians, ratios taken inside each round; CPU is the",
            "scheduler's for the whole process tree; boot is the median of",
            f"{plan.boots} from start to first good answer, with 300 routes; idle memory is that of a server alone,",
            "loaded memory adds what it gained under load.",
        ]
    )
    if plan.quick:
        method += " **A quick run: a smoke test, not a measurement.**"
    return Report(
        circumstances,
        {each.name: peers.versions(each) for each in taking_part},
        {each.name: each.title for each in plan.contestants},
        method,
        {each.name: each.subject for each in plan.workloads},
        results,
        targets.judge(results, [each.name for each in plan.workloads]),
    )


def _spread(results: Results, plan: Plan) -> str:
    figures = [results.figure(BASELINE, workload.name, "cpu") for workload in plan.workloads]
    spreads = [figure.spread for figure in figures if figure is not None]
    return f"{max(spreads):.0%} (median {median(spreads):.0%})" if spreads else "unknown"


def write(report: Report, directory: Path) -> None:
    """Write `<time>.md` and `<time>.json`, and print the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = directory / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    text = report.markdown()
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    stem.with_suffix(".json").write_text(json.dumps(report.data(), indent=1), encoding="utf-8")
    print(text)
    say(f"Written: {stem}.md and {stem.name}.json")


def main() -> int:
    """Run what the command line asks for."""
    chosen, output = plan()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    missing = peers.prepare(each.needs for each in chosen.contestants)
    if "python" in missing:
        say(f"There is no run without raw RSGI: {missing['python']}")
        return 1
    logs = INSTALLED / "logs"
    logs.mkdir(exist_ok=True)
    try:
        program = load.compiled(INSTALLED)
    except load.LoadError as error:
        say(str(error))
        return 1
    cores = machine.choose_cores()
    results = Results()
    for each in chosen.contestants:
        if each.needs in missing:
            results.refusals[each.name, ""] = [missing[each.needs]]
            say(f"start {each.name:13} NOT MEASURED: {missing[each.needs]}")
    able = [each for each in chosen.contestants if each.needs not in missing]
    stolen, total = machine.stolen_ticks()
    with Run(replace(chosen, contestants=able), program, logs, cores, results) as run:
        run.measure()
    later = machine.stolen_ticks()
    write(report(chosen, results, cores, (later[0] - stolen) / max(later[1] - total, 1)), output)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

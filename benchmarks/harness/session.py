"""The servers of one run, all up at once: booted, held against the gate, loaded in turn, and always ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from harness import gate, load, workloads
from harness.contestants import Contestant
from harness.figures import ProcessFigures, Results, Visit
from harness.machine import Cores
from harness.processes import CpuReading, Memory, Server, ServerError
from harness.workloads import Workload

STEADY = 0.05
"""Warm-up ends when CPU per request changes by less than this between two slices."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does.

    Attributes:
        warm_up: most slices of `slice_seconds` a contestant is warmed with before each workload.
        features: whether only the cost of optional features is measured.
        skip_features: whether it is not measured at all.
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
    features: bool = False
    skip_features: bool = False


def say(line: str) -> None:
    """Show progress; results alone go to standard output."""
    print(line, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Run:
    """The servers of one run, all up at once, and what was measured on them."""

    plan: Plan
    program: Path
    logs: Path
    cores: Cores
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

"""Load one NestPy server for a long time and watch what grows: `make soak`, or `make soak ARGS="--minutes 60"`.

Prints one line per goal and exits with 1 when one is missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import contestants, gate, load, machine, workloads
from harness.contestants import INSTALLED
from harness.processes import Memory, Server, descendants
from harness.session import say

RSS_PER_TEN_MINUTES = 1.0
"""Megabytes that memory may grow in ten minutes once warm."""

WARM = 0.2
"""The share of the time that does not count: caches and the allocator settle."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one server holds at one moment; *minute* counts from the start of the load."""

    minute: float
    rss: float
    files: int
    threads: int

    @classmethod
    def of(cls, server: Server, since: float) -> Sample:
        """Look at a running server's whole process tree."""
        tree = [Path(f"/proc/{process}") for process in descendants(server.pid)]
        return cls(
            minute=(time.monotonic() - since) / 60,
            rss=Memory.of(server.pid).rss,
            files=sum(len(list((process / "fd").iterdir())) for process in tree),
            threads=sum(len(list((process / "task").iterdir())) for process in tree),
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise and what was seen of it."""

    name: str
    seen: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.name}: {self.seen}"


def slope(samples: Sequence[Sample]) -> float:
    """Return megabytes of resident memory gained in ten minutes, by least squares; 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    mean_x = sum(sample.minute for sample in samples) / len(samples)
    mean_y = sum(sample.rss for sample in samples) / len(samples)
    spread = sum((sample.minute - mean_x) ** 2 for sample in samples)
    joint = sum((sample.minute - mean_x) * (sample.rss - mean_y) for sample in samples)
    return 10 * joint / spread if spread else 0.0


def judge(samples: Sequence[Sample], requests: int, faults: int, *, alive: bool) -> list[Goal]:
    """Hold what was seen against the goals; the first fifth of the time is warm-up."""
    counted = [sample for sample in samples if sample.minute >= WARM * samples[-1].minute]
    first, last = counted[0], counted[-1]
    growth = slope(counted)
    return [
        Goal("every answer is the right one", f"{requests - faults:,} of {requests:,}", faults == 0 and requests > 0),
        Goal("the process lives", "yes" if alive else "no", alive),
        Goal(
            f"memory grows at most {RSS_PER_TEN_MINUTES:g} MB in ten minutes",
            f"{growth:+.2f} MB, from {first.rss:.1f} to {last.rss:.1f} MB",
            growth <= RSS_PER_TEN_MINUTES,
        ),
        Goal("open files stay", f"{first.files} then {last.files}", last.files <= first.files + 2),
        Goal("threads stay", f"{first.threads} then {last.threads}", last.threads <= first.threads),
    ]


def run(minutes: float, slice_seconds: float, logs: Path) -> list[Goal]:
    """Load every workload in turn until the time is over, then judge."""
    cores = machine.choose_cores()
    server = contestants.chosen(["nestpy"])[0].server(cores.server, logs)
    first = workloads.WORKLOADS[0].loaded
    server.start(first.path, first.answer or b"")
    try:
        for workload in workloads.WORKLOADS:
            for reason in gate.failures(server.port, workload):
                raise SystemExit(f"{workload.name}: {reason}")
        return _load(server, minutes, slice_seconds, cores)
    finally:
        server.stop()


def _load(server: Server, minutes: float, slice_seconds: float, cores: machine.Cores) -> list[Goal]:
    program = load.compiled(INSTALLED)
    since = time.monotonic()
    samples: list[Sample] = []
    requests = faults = 0
    alive = True
    for workload in itertools.cycle(workloads.WORKLOADS):
        try:
            seen = load.run(
                program, workload.loaded, port=server.port, connections=64, seconds=slice_seconds, core=cores.load
            )
            server.check()
        except Exception as error:  # noqa: BLE001  # whatever ended it is the result
            say(f"{workload.name} ended the run: {error}")
            alive = False
            break
        requests += seen.requests
        faults += seen.faults
        samples.append(Sample.of(server, since))
        last = samples[-1]
        say(f"{last.minute:6.1f} / {minutes:g} min  {workload.name}  {requests:12,} requests  {last.rss:6.1f} MB")
        if last.minute >= minutes:
            break
    return judge(samples, requests, faults, alive=alive) if samples else [Goal("the process lives", "no", met=False)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, print one line per goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--slice", type=float, default=5.0, help="seconds of each workload before the next one's turn")
    options = parser.parse_args(arguments)
    logs = INSTALLED / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    goals = run(options.minutes, options.slice, logs)
    print("\n".join(map(str, goals)))
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())

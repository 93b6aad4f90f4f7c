"""Load one NestPy server for a long time and watch what grows: `make soak`, or `make soak ARGS="--minutes 60"`.

Before that it probes what bodies at their limit cost in memory and what slow clients take from others, and puts
authorization to random policies and races; ``--minutes 0`` does only that. Prints one line per goal and exits with 1
when one is missed. `make soak ARGS=queue` and `ARGS=schedule` kill workers, Redis and schedulers instead, and count
what was lost: see `fleets.py`. `make soak ARGS=mcp` drops MCP's sessions by the ten thousand and fuzzes it: see
`dropped_sessions.py`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import dropped_sessions
import fleets
from harness import contestants, gate, load, machine, probes, workloads
from harness.contestants import BENCHMARKS, INSTALLED
from harness.goals import Goal
from harness.processes import Memory, Server, descendants
from harness.session import say

RSS_PER_TEN_MINUTES = 1.0
"""Megabytes that memory may grow in ten minutes once warm."""

WARM = 0.2
"""The share of the time that does not count: caches and the allocator settle."""


OBJECTS = 32.0
"""How many times its size a body of JSON may take as objects, while it is decoded."""


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


def judge_memory(growths: Mapping[str, probes.Growth]) -> list[Goal]:
    """Hold what bodies at their limit cost against the goals.

    Bytes and files are bounded one by one. JSON becomes objects, many times its size, while it is decoded: one body at
    a time, so that many at once are bounded like the others.
    """
    goals = []
    for name, growth in growths.items():
        bound = 4 * growth.limit
        objects = OBJECTS * growth.limit if name.startswith("JSON") else 0.0
        if not name.startswith("JSON"):
            seen = f"{growth.one:.1f} MiB for {growth.limit:.0f}"
            goals.append(Goal(f"{name}: one body at its limit adds at most 4 times as much", seen, growth.one <= bound))
        goals.append(
            Goal(
                f"{name}: {growth.count} bodies at once add at most 4 times as much",
                f"{growth.several:.1f} MiB for {growth.count * growth.limit:.0f}, a single one {growth.one:.1f}",
                growth.several <= growth.count * bound + objects,
            )
        )
        goals.append(Goal(f"{name}: every body is answered", str(set(growth.statuses)), max(growth.statuses) < 500))
    return goals


def judge_slow(found: Sequence[probes.Beside], count: int) -> list[Goal]:
    """Hold what a normal client kept beside slow ones against the goals, by the medians of the rounds."""
    throughput, p99 = median(one.throughput for one in found), median(one.p99 for one in found)
    beside = f"beside {count} slow heads, {count} slow bodies and {count // 5} silent clients"
    return [
        Goal(f"a client keeps 90 % of its throughput {beside}", f"{throughput:.0%}", throughput >= 0.9),
        Goal("and waits at most 3 times as long in its slowest hundredth", f"{p99:.2f} times", p99 <= 3),
        Goal("and no request of it fails", str(sum(one.faults for one in found)), not any(one.faults for one in found)),
    ]


def probe(logs: Path, many: int, slow: int) -> list[Goal]:
    """Run both probes."""
    cores = machine.choose_cores()
    program = load.compiled(INSTALLED)
    goals = judge_memory(probes.memory(logs, cores.server, many))
    return goals + judge_slow(probes.slow_clients(program, logs, cores, count=slow, seconds=5.0, rounds=3), slow)


def agree(cases: int, worlds: int = 10) -> Goal:
    """Compare gate, PostgreSQL, SQLite and oracle of nestpy-authz on random policies, of several worlds of rows."""
    name = f"gate, PostgreSQL, SQLite and oracle agree on {cases:,} policies"
    test = "nestpy-authz/tests/test_agreement.py::test_random_policies_are_decided_alike_everywhere"
    for seed in range(1, worlds + 1):
        say(f"policies of world {seed} of {worlds} …")
        if not _passes(test, AGREEMENT_CASES=cases // worlds, AGREEMENT_SEED=seed):
            return Goal(name, f"a disagreement in world {seed}", met=False)
    return Goal(name, "0 disagreements", met=True)


def race(count: int) -> Goal:
    """Let a row leave the actor's reach while the actor writes it."""
    say(f"{count:,} races between a write and the end of its permission …")
    test = "test_a_row_that_leaves_the_actors_reach_between_read_and_write_is_not_written"
    met = _passes(f"nestpy-authz/tests/test_storage.py::{test}", AUTHZ_RACES=count)
    return Goal(f"0 of {count:,} races write what is out of reach", "none" if met else "one wrote, or failed", met=met)


def documents(rewrites: int) -> list[Goal]:
    """Rewrite GraphQL documents without changing what they ask for, and count the resolver calls of random ones."""
    say(f"{rewrites:,} rewritten GraphQL documents …")
    verdicts = (
        "nestpy-graphql/tests/test_limits_rewrites.py::test_a_rewritten_document_gets_the_verdict_of_the_plain_one"
    )
    costs = "nestpy-graphql/tests/test_cost_soundness.py::test_the_cost_is_never_below_the_calls_and_never_far_above"
    same, sound = _passes(verdicts, REWRITES=rewrites), _passes(costs, COSTS=rewrites // 5)
    return [
        Goal(f"{rewrites:,} rewritten GraphQL documents get one verdict", "yes" if same else "no", met=same),
        Goal(f"{rewrites // 5:,} operations call no more than they cost", "yes" if sound else "no", met=sound),
    ]


def _passes(test: str, **environment: int) -> bool:
    """Run one test of a package with more cases than in a merge request, and say what it said where it fails."""
    command = [sys.executable, "-m", "pytest", "-q", f"packages/{test}"]
    given = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run(command, cwd=BENCHMARKS.parent, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        say("\n".join(done.stdout.splitlines()[-20:]))
    return done.returncode == 0


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
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in fleets.TIERS:
        return fleets.main(given)
    if given[:1] == ["mcp"]:
        return dropped_sessions.main(given[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--bodies", type=int, default=200, help="bodies at their limit that arrive at once")
    parser.add_argument("--slow", type=int, default=1000, help="slow heads, and as many slow bodies")
    parser.add_argument("--slice", type=float, default=5.0, help="seconds of each workload before the next one's turn")
    parser.add_argument("--policies", type=int, default=100_000, help="random policies of authorization; 0 for none")
    parser.add_argument("--races", type=int, default=10_000, help="writes whose permission ends meanwhile; 0 for none")
    parser.add_argument("--documents", type=int, default=10_000, help="rewritten GraphQL documents; 0 for none")
    options = parser.parse_args(given)
    logs = INSTALLED / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    goals = probe(logs, options.bodies, options.slow)
    print("\n".join(map(str, goals)), flush=True)
    if options.policies:
        goals.append(agree(options.policies))
        print(goals[-1], flush=True)
    if options.races:
        goals.append(race(options.races))
        print(goals[-1], flush=True)
    if options.documents:
        judged = documents(options.documents)
        print("\n".join(map(str, judged)), flush=True)
        goals += judged
    if options.minutes:
        lasting = run(options.minutes, options.slice, logs)
        print("\n".join(map(str, lasting)))
        goals += lasting
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())

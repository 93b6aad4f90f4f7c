"""Measure NestPy's single costs: `make bench-micro`; `ARGS=--save` makes a base, `ARGS=--compare` compares with it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import peers
from cases import big_app, imports
from cases.authz_rules import ENFORCE, GATE, MASK
from cases.calls import RAW, WITH_GRAPH, WITHOUT_GRAPH, calls
from cases.events_app import ALONE, EMIT
from harness import counting, machine
from harness.contestants import BENCHMARKS, INSTALLED, NEST, PYTHON
from harness.counting import Counter, CountingError
from harness.ledger import CALIBRATION, Ledger
from harness.processes import clean_environment
from harness.single_targets import (
    BUS,
    GATE_OVER_CASBIN,
    IMPORT_MEMORY,
    IMPORT_TIME,
    MASK_OVER_CASL,
    REFERENCES,
    RESOLUTION,
    judge,
)
from harness.timing import Stopwatch, Timing, calibration
from harness.workloads import DEFAULT, chosen

BASE = INSTALLED / "micro-base.json"
ROUTING = ("static route among 300", "parametrised route among 300", "no such path", "no such method")
BOOT_WORDS = {
    "framework": "import nestpy-core and nestpy-http",
    "declare": "import the application of 300 routes and 100 providers",
    "compile": "collect, verify and compile it",
    "start": "build its singletons and start it",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What one run does.

    Attributes:
        processes: how many fresh processes an import and a boot are the best of.
        compare: the base to compare with, or None.
    """

    stopwatch: Stopwatch
    processes: int
    instructions: bool
    save: Path | None
    compare: Path | None


def options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less thorough, and no instruction counts")
    parser.add_argument("--no-instructions", action="store_true", help="do not count instructions")
    parser.add_argument("--save", type=Path, nargs="?", const=BASE, metavar="FILE", help="make this run the base")
    parser.add_argument("--compare", type=Path, nargs="?", const=BASE, metavar="FILE", help="compare with a base")
    given = parser.parse_args(arguments)
    if given.compare is not None and not given.compare.exists():
        parser.error(f"there is no base {given.compare}; `--save` makes one")
    return Options(
        Stopwatch(batches=15) if given.quick else Stopwatch(),
        processes=3 if given.quick else 7,
        instructions=not (given.quick or given.no_instructions),
        save=given.save,
        compare=given.compare,
    )


def measure(chosen_options: Options) -> Ledger:
    """Take every figure."""
    stopwatch = chosen_options.stopwatch
    ledger = Ledger({}, 0.0)
    counts = _instructions(ledger) if chosen_options.instructions else {}
    _say("timing single calls …")
    with calls() as made:
        timed = stopwatch.time({CALIBRATION: calibration, **made})
    yardstick = timed[CALIBRATION]
    ledger.calibration = yardstick.best
    ledger.circumstances = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **machine.describe(),
        "Python": machine.python_version(Path(sys.executable)),
        "calibration, 1,024 turns of a loop": f"{yardstick.best / 1000:.1f} µs (median {yardstick.median / 1000:.1f})",
        "method": f"CPU time, best of {stopwatch.batches} batches of {stopwatch.seconds * 1000:.0f} ms that visit all "
        f"calls in turn, garbage collection off; imports and boot best of {chosen_options.processes} fresh processes",
    }
    _add_requests(ledger, timed, counts)
    _add_resolution(ledger, timed, counts, stopwatch)
    _add_events(ledger, timed, counts)
    _add_authorization(ledger, timed, counts)
    _add_boot(ledger, chosen_options.processes)
    _add_imports(ledger, chosen_options.processes)
    return ledger


def _add_requests(ledger: Ledger, timed: Mapping[str, Timing], counts: Mapping[str, float]) -> None:
    for workload in chosen(DEFAULT):
        own, raw = timed[workload.name], timed[f"{workload.name}{RAW}"]
        group = "One request, everything but the server"
        ledger.add(group, workload.name, own.best, "ns", counts.get(workload.name))
        ledger.add(group, f"{workload.name}{RAW}", raw.best, "ns", counts.get(f"{workload.name}{RAW}"))
    for name in ROUTING:
        ledger.add("Routing, the whole request included", name, timed[name].best, "ns", counts.get(name))


def _add_resolution(
    ledger: Ledger, timed: Mapping[str, Timing], counts: Mapping[str, float], stopwatch: Stopwatch
) -> None:
    group, _ = RESOLUTION
    for name in (WITH_GRAPH, WITHOUT_GRAPH):
        ledger.add(group, name, timed[name].best, "ns", counts.get(name))
    own = timed[WITH_GRAPH].best - timed[WITHOUT_GRAPH].best
    ledger.add(group, "the graph alone", own, "ns")
    missing = peers.prepare(["python"])
    if missing:
        ledger.notes.append(f"dishka: {missing['python']}")
        return
    numbers = [str(stopwatch.batches), str(stopwatch.seconds)]
    done = subprocess.run(
        [PYTHON, BENCHMARKS / "cases" / "dishka_graph.py", *numbers], capture_output=True, text=True, check=True
    )
    resolved = json.loads(done.stdout)
    ledger.add(group, "dishka: scope and graph", resolved["resolve"], "ns")
    ledger.add(*RESOLUTION, resolved["resolve"] / max(own, 1.0), "×")


def _add_events(ledger: Ledger, timed: Mapping[str, Timing], counts: Mapping[str, float]) -> None:
    group, _ = BUS
    for name in (EMIT, ALONE):
        ledger.add(group, name, timed[name].best, "ns", counts.get(name))
    ledger.add(*BUS, timed[EMIT].best - timed[ALONE].best, "ns")


def _add_authorization(ledger: Ledger, timed: Mapping[str, Timing], counts: Mapping[str, float]) -> None:
    group, _ = GATE_OVER_CASBIN
    for name in (GATE, ENFORCE, MASK):
        ledger.add(group, name, timed[name].best, "ns", counts.get(name))
    ledger.add(*GATE_OVER_CASBIN, timed[ENFORCE].best / timed[GATE].best, "×")
    missing = peers.prepare(["node"])
    if missing:
        ledger.notes.append(f"CASL: {missing['node']}")
        return
    done = subprocess.run(
        ["node", BENCHMARKS / "cases" / "casl.cjs", NEST / "package.json"], capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout)
    ledger.add(group, "CASL: can() of an instance", theirs["gate"], "ns")
    ledger.add(group, "CASL: mask of 100 rows", theirs["mask"], "ns")
    ledger.add(*MASK_OVER_CASL, theirs["mask"] / timed[MASK].best, "×")


def _add_boot(ledger: Ledger, processes: int) -> None:
    _say("boot …")
    directory = INSTALLED / "micro"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "big_app_source.py").write_text(big_app.source(), encoding="utf-8")
    script = [sys.executable, str(BENCHMARKS / "cases" / "boot.py"), str(directory)]
    runs = [json.loads(_printed(script)) for _ in range(processes + 1)]
    group = "Boot of 300 routes and 100 providers in a fresh process"
    for key, words in BOOT_WORDS.items():
        ledger.add(group, words, min(run[key] for run in runs), "ms")
    ledger.add(group, "all of it", min(sum(run[key] for key in BOOT_WORDS) for run in runs), "ms")
    ledger.add(group, "resident memory when started", min(run["memory"] for run in runs), "MB")


def _printed(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment()).stdout


def _add_imports(ledger: Ledger, processes: int) -> None:
    costs = {}
    for name, statement in imports.statements(BENCHMARKS.parent / "packages").items():
        _say(f"{statement} …")
        cost = imports.cost(statement, processes)
        if cost is None:
            ledger.notes.append(f"`{statement}` fails in this environment")
            continue
        costs[name] = cost
        ledger.add("Imports, CPU time", name, cost.milliseconds, "ms")
    for name, cost in costs.items():
        ledger.add("Imports, memory over a bare interpreter", name, cost.megabytes, "MB")
    own = costs.get("the hello application's imports")
    for name, time, memory in zip(REFERENCES, IMPORT_TIME, IMPORT_MEMORY, strict=True):
        reference = costs.get(name)
        if own and reference:
            ledger.add(*time, own.milliseconds - reference.milliseconds, "ms")
            ledger.add(*memory, own.megabytes - reference.megabytes, "MB")


def _instructions(ledger: Ledger) -> Mapping[str, float]:
    """Instructions by call: from the processor in this process, else from callgrind in another one, else none."""
    try:
        library = counting.library(INSTALLED)
        counter = Counter(library)
        if counter.how == "processor":
            with calls() as made:
                return {name: count for name, call in made.items() if (count := counter.count(name, call)) is not None}
        _say("counting instructions under callgrind …")
        return counting.under_callgrind([Path(__file__), "--count", library], INSTALLED / "callgrind")
    except CountingError as error:
        ledger.notes.append(f"instructions: {error}")
        return {}


def _count(library: Path) -> None:
    """What this script does when it runs under callgrind."""
    counter = Counter(library)
    with calls() as made:
        for name, call in made.items():
            counter.count(name, call)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run what the command line asks for."""
    if sys.argv[1:2] == ["--count"]:
        _count(Path(sys.argv[2]))
        return 0
    given = options()
    base = Ledger.read(given.compare) if given.compare else None
    ledger = measure(given)
    stem = INSTALLED / "results" / f"micro-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    text = ledger.markdown(base, judge(ledger))
    ledger.write(stem.with_suffix(".json"))
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    if given.save:
        ledger.write(given.save)
    print(text)
    _say(f"Written: {stem}.md and {stem.name}.json{' and the base' if given.save else ''}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""Compare NestPy with its peers over HTTP: `make bench`, or `make bench ARGS="--quick --workloads W1,W5"`.

Then measure what each optional feature costs; `--features` measures that alone, `--no-features` leaves it out.
`make bench ARGS=queues` compares the queue with others, `make bench ARGS=rows` a row by id from PostgreSQL (W8), and
`make bench ARGS=mcp` the calling of MCP tools, `make bench ARGS=graphql` GraphQL; `make bench` alone ends with all.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import graphql_calls
import peers
import queues
import rows
import tool_calls
from harness import contestants, features, load, machine, targets, workloads
from harness.contestants import BASELINE, INSTALLED, OWN_PYTHON, PYTHON
from harness.figures import Results
from harness.processes import ServerError
from harness.report import Report
from harness.session import Plan, Run, say


def plan(arguments: Sequence[str] | None = None) -> tuple[Plan, Path]:
    """Read the command line: what to do, and the directory for its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--contestants", type=_names, default=[], metavar="A,B", help="all of them when absent")
    parser.add_argument("--workloads", type=_names, default=list(workloads.DEFAULT), metavar="W1,W2", help="also W9")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each contestant for each workload")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one visit")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="two short rounds, little warm-up: a smoke test")
    costs = parser.add_mutually_exclusive_group()
    costs.add_argument("--features", action="store_true", help="measure what optional features cost, and nothing else")
    costs.add_argument("--no-features", action="store_true", help="leave out what optional features cost")
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
        features=options.features,
        skip_features=options.no_features,
    )
    return chosen, options.output


def _names(text: str) -> list[str]:
    return [name for name in text.replace(" ", "").split(",") if name]


def report(plan: Plan, results: Results, cores: machine.Cores, stolen: float) -> Report:
    """Put what was measured beside the circumstances."""
    taking_part = [each for each in plan.contestants if each.name in results.processes]
    circumstances = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **machine.describe(),
        "stolen by the hypervisor during the run": f"{stolen:.1%}",
        "Python of the peers": machine.python_version(PYTHON),
        "Python of NestPy": machine.python_version(OWN_PYTHON),
        "1,024 turns of a loop in Python": f"{machine.loop_microseconds(PYTHON, cores.server):.1f} µs",
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if sys.argv[1:2] == ["queues"]:
        return queues.main(sys.argv[2:])
    if sys.argv[1:2] == ["rows"]:
        return rows.main(sys.argv[2:])
    if sys.argv[1:2] == ["graphql"]:
        return graphql_calls.main(sys.argv[2:])
    if sys.argv[1:2] == ["mcp"]:
        return tool_calls.main(sys.argv[2:])
    chosen, output = plan()
    if chosen.features:
        return _features(chosen, output)
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
    return 0 if chosen.skip_features else _features(chosen, output)


def _features(plan: Plan, directory: Path) -> int:
    """Measure what each optional feature costs; print it and write it beside the rest."""
    logs = INSTALLED / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    try:
        program = load.compiled(INSTALLED)
        costs = features.measure(
            program,
            logs,
            machine.choose_cores(),
            rounds=plan.rounds,
            seconds=plan.seconds / 2,
            connections=plan.connections,
        )
    except (load.LoadError, ServerError) as error:
        say(str(error))
        return 1
    text = features.markdown(costs)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}-features.md"
    file.write_text(text, encoding="utf-8")
    print(text)
    say(f"Written: {file}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

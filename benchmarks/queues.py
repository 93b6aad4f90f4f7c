"""Compare the queue with others on one Redis of the same durability: `make bench ARGS=queues`.

Each contestant has one worker process of 50 slots and one process that sends, on a Redis of its own with an append-only
file that is synced every second; NestPy on SQLite has both in one process and syncs each commit. Handlers append a byte
to a file, so that counting costs the same for all. ``--contestants nestpy,taskiq`` chooses, ``--jobs 20000`` says how
many, ``--rounds 3`` how often.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import peers
from harness.contestants import BENCHMARKS, INSTALLED
from harness.session import say

from nestpy_testing import RedisProcess

SOURCES = BENCHMARKS / "contestants" / "queues"
PYTHON = INSTALLED / "queues" / "bin" / "python"
ARQ = INSTALLED / "queues-arq" / "bin" / "python"
NODE = INSTALLED / "queues-node"
_PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """How a worker and a sender are started."""

    name: str
    work: Sequence[str] | None
    send: Sequence[str]


@dataclass(frozen=True, slots=True)
class Row:
    """What one round of one contestant came to; latencies in milliseconds."""

    enqueue_rate: float
    done_rate: float
    enqueue: float
    picked_up: float
    steady: float


def everyone() -> list[Contestant]:
    """Return the contestants, NestPy first."""
    ours = [sys.executable, str(SOURCES / "nestpy_queue_app.py")]
    others = str(PYTHON)
    celery = [others, "-m", "celery", "-A", "celery_app", "worker", "--concurrency"]
    return [
        Contestant("nestpy", [*ours, "work"], [*ours, "send"]),
        Contestant("nestpy on SQLite", None, [*ours, "both"]),
        Contestant(
            "taskiq",
            [others, "-m", "taskiq", "worker", "taskiq_app:broker", "--workers", "1", "--max-async-tasks", "50"],
            [others, "taskiq_app.py"],
        ),
        Contestant("arq", [str(ARQ), "arq_app.py", "work"], [str(ARQ), "arq_app.py", "send"]),
        Contestant("streaq", [others, "streaq_app.py", "work"], [others, "streaq_app.py", "send"]),
        Contestant("celery", [*celery, "50", "--pool", "threads"], [others, "celery_app.py"]),
        Contestant("bullmq", ["node", str(NODE / "queue.js"), "work"], ["node", str(NODE / "queue.js"), "send"]),
    ]


def prepare() -> None:
    """Install the others outside the project's environment."""
    INSTALLED.mkdir(exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n")
    peers.python_environment(PYTHON, SOURCES / "requirements.txt")
    peers.python_environment(ARQ, SOURCES / "requirements-arq.txt")
    peers.node_environment(NODE, SOURCES / "bullmq")


class Measured:
    """One contestant at work."""

    def __init__(self, contestant: Contestant, directory: Path, url: str) -> None:
        self.done, self.ages = directory / "done", directory / "ages"
        for file in (self.done, self.ages):
            file.write_bytes(b"")
        place = {"BENCH_URL": url} if contestant.work else {"BENCH_PATH": str(directory / "queue.sqlite3")}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "REDIS_URL"},
            **place,
            "BENCH_DONE": str(self.done),
            "BENCH_AGES": str(self.ages),
            "PYTHONPATH": str(SOURCES),
        }
        self._log = (directory / "log").open("w")
        self._worker = self._start(contestant.work, stdin=subprocess.DEVNULL) if contestant.work else None
        self._sender = self._start(contestant.send, stdin=subprocess.PIPE)

    def _start(self, command: Sequence[str], stdin: int) -> subprocess.Popen[str]:
        stdout = subprocess.PIPE if stdin == subprocess.PIPE else self._log
        return subprocess.Popen(
            command, cwd=SOURCES, env=self._environment, stdin=stdin, stdout=stdout, stderr=self._log, text=True
        )

    def end(self) -> None:
        """End both."""
        for process in (self._worker, self._sender):
            if process is not None:
                process.kill()
                process.communicate()
        self._log.close()

    def ready(self) -> None:
        """Wait until the sender answers and the worker works."""
        self._line("ready")
        self.ask("single", 1)
        self.until(1)

    def _line(self, starts: str) -> str:
        stdout = self._sender.stdout
        assert stdout is not None  # it was given a pipe
        for line in stdout:
            if line.startswith(starts):
                return line
        raise RuntimeError(f"the sender ended; see {self._log.name}")

    def ask(self, what: str, count: int) -> dict[str, Any]:
        """Let the sender send."""
        stdin = self._sender.stdin
        assert stdin is not None  # it was given a pipe
        stdin.write(f"{what} {count}\n")
        stdin.flush()
        found: dict[str, Any] = json.loads(self._line("{"))
        return found

    def until(self, count: int) -> float:
        """Wait until so many jobs are done; return when that was seen."""
        give_up = time.monotonic() + _PATIENCE
        while self.done.stat().st_size < count:
            if time.monotonic() > give_up:
                raise RuntimeError(f"{self.done.stat().st_size} of {count} jobs were done in time")
            time.sleep(0.002)
        return time.time()


@contextlib.contextmanager
def measured(contestant: Contestant) -> Iterator[Measured]:
    """Start a contestant on a Redis of its own."""
    with tempfile.TemporaryDirectory() as place, RedisProcess(aof="everysec") as redis:
        found = Measured(contestant, Path(place), redis.url)
        try:
            found.ready()
            yield found
        finally:
            found.end()


def visit(contestant: Contestant, jobs: int) -> Row:
    """Measure one contestant once."""
    with measured(contestant) as one:
        one.ask("many", jobs // 10)
        one.until(count := 1 + jobs // 10)
        sent = one.ask("many", jobs)
        rate = jobs / (one.until(count := count + jobs) - sent["began"])
        took = one.ask("single", 500)["took"]
        one.until(count := count + 500)
        time.sleep(0.3)
        one.ask("idle", 300)
        one.until(count := count + 300)
        one.ask("steady", 2000)
        one.until(count + 2000)
        ages = [1000 * float(age) for age in one.ages.read_text().split()]
    return Row(jobs / sent["seconds"], rate, 1000 * median(took), p99(ages[:300]), p99(ages[300:]))


def p99(ages: Sequence[float]) -> float:
    """Return the age that one of a hundred exceeds."""
    return sorted(ages)[int(len(ages) * 0.99)]


def table(rounds: Sequence[Mapping[str, Row]]) -> str:
    """Return the figures as Markdown: medians, and in parentheses NestPy's rate by the other's, taken in each round."""
    lines = [
        "| queue | enqueue/s | enqueue to done/s | one enqueue, ms | pick-up p99, ms | in a steady flow, ms |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for row in rounds for name in row):
        seen = [each[name] for each in rounds if name in each]
        both = [(each["nestpy"], each[name]) for each in rounds if name != "nestpy" and {name, "nestpy"} <= each.keys()]
        cells = []
        for field in ("enqueue_rate", "done_rate"):
            ratio = [getattr(ours, field) / getattr(other, field) for ours, other in both]
            value = f"{median(getattr(row, field) for row in seen):,.0f}"
            cells.append(f"{value} ({median(ratio):.2f})" if ratio else value)
        cells += [f"{median(getattr(row, field) for row in seen):.2f}" for field in ("enqueue", "picked_up", "steady")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table, and write it to `.bench/results/queues.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestants", default="", help="all of them when absent")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    prepare()
    chosen = [one for one in everyone() if not options.contestants or one.name in options.contestants.split(",")]
    rounds: list[dict[str, Row]] = []
    for number in range(options.rounds):
        rounds.append({})
        for contestant in chosen:
            try:
                row = visit(contestant, options.jobs)
            except (RuntimeError, OSError) as error:
                say(f"{contestant.name}: {error}")
                continue
            rounds[-1][contestant.name] = row
            say(f"round {number + 1}  {contestant.name}: {row}")
    shown = table(rounds)
    print(shown)
    results = INSTALLED / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "queues.md").write_text(f"{shown}\n")
    return 0 if all(len(one) == len(chosen) for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

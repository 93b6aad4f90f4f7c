"""Compare MCP servers: `make bench ARGS=mcp`, or `make bench ARGS="mcp --rounds 3 --contestants nestpy,sdk"`.

Every contestant serves the same tool with two validated arguments and a structured result, stateless and answering with
JSON, in one process; tools/call is put under load in a revision that begins with a handshake, which all of them speak.
Memory is that of each alone, at rest and after its load. Each has an environment that holds what it needs and nothing
else: servers import what they find. One more process shows what NestPy stands on and nothing of its own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import peers
from harness import load, machine
from harness.contestants import BENCHMARKS, INSTALLED
from harness.goals import Goal
from harness.processes import CpuReading, Memory, Server, ServerError, clean_environment, free_port
from harness.session import say
from harness.workloads import Exchange

SOURCES = BENCHMARKS / "contestants" / "mcp"
SUBJECT = "nestpy"
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "get_user", "arguments": {"id": 7, "verbose": True}},
}
WANTED = {"id": 7, "name": "User 7", "email": "user7@example.com", "tags": ["a", "b"]}
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
WORK, MEMORY = 5.0, 0.45
"""Times the work in a CPU-second that NestPy is to do, and the part of the memory that it may take."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server; an *idle* one knows no MCP, and only its memory counts."""

    name: str
    title: str
    command: Callable[[int], Sequence[str]]
    idle: bool = False

    def server(self, core: int, logs: Path) -> Server:
        """Return it on a free port, not started yet."""
        port = free_port()
        environment = clean_environment() | {"PORT": str(port), "NESTPY_ENV": "production"}
        return Server(self.command(port), SOURCES, environment, port, core, logs / f"mcp-{self.name}.log")


def _python(environment: str) -> Path:
    return INSTALLED / f"mcp-{environment}" / "bin" / "python"


def _uvicorn(name: str) -> Callable[[int], Sequence[str]]:
    options = "--loop uvloop --http httptools --no-access-log --log-level error --host 127.0.0.1"
    return lambda port: [
        *(str(_python(name)), "-m", "uvicorn", "--port", str(port), *options.split(), f"{name}_app:app")
    ]


CONTESTANTS = (
    Contestant("nestpy", "NestPy, granian", lambda _: [str(_python("nestpy")), "nestpy_app.py"]),
    Contestant("sdk", "official SDK 2.3, uvicorn", _uvicorn("sdk")),
    Contestant("fastmcp", "FastMCP 4.1, uvicorn", _uvicorn("fastmcp")),
    Contestant("floor", "granian alone", lambda _: [str(_python("nestpy")), "floor_app.py"], idle=True),
)


def prepare(chosen: Sequence[Contestant]) -> None:
    """Install the contestants outside the project's environment.

    Raises:
        SetupError: one cannot be installed.
    """
    INSTALLED.mkdir(exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n")
    peers.project_environment(_python("nestpy"), "nestpy-core", "nestpy-http", "nestpy-mcp")
    for name in {one.name for one in chosen} & {"sdk", "fastmcp"}:
        peers.python_environment(_python(name), SOURCES / f"requirements-{name}.txt")


@dataclass(slots=True)
class Seen:
    """What one contestant came to: by round, and megabytes at rest and after load."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    rest: Memory | None = None
    loaded: Memory | None = None


def exchange_of(port: int) -> Exchange:
    """Return the call with the bytes of the server's own answer, once that is the right one.

    Raises:
        ServerError: it is not.
    """
    body = json.dumps(CALL, separators=(",", ":")).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/mcp", body, {**HEADERS, "Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    told = json.loads(answer).get("result", {}).get("structuredContent") if response.status == 200 else None
    if told != WANTED:
        raise ServerError(f"{response.status}: {answer[:300]!r}")
    return Exchange("/mcp", "POST", HEADERS, body, answer=answer)


def remembered(contestant: Contestant, program: Path, logs: Path, cores: machine.Cores, connections: int) -> Seen:
    """Start a contestant alone and read its memory, at rest and after two seconds of load."""
    server, seen = contestant.server(cores.server, logs), Seen()
    try:
        server.start("/ready", b"ready")
        if contestant.idle:
            seen.rest = Memory.of(server.pid)
            return seen
        exchange = exchange_of(server.port)
        seen.rest = Memory.of(server.pid)
        load.run(program, exchange, port=server.port, connections=connections, seconds=2.0, core=cores.load)
        seen.loaded = Memory.of(server.pid)
    finally:
        server.stop()
    return seen


def measure(chosen: Sequence[Contestant], *, rounds: int, seconds: float, connections: int) -> dict[str, Seen]:
    """Read everybody's memory, then visit all in each round."""
    program, cores, logs = load.compiled(INSTALLED), machine.choose_cores(), INSTALLED / "logs"
    logs.mkdir(exist_ok=True)
    found = {one.name: remembered(one, program, logs, cores, connections) for one in chosen}
    servers = {one.name: one.server(cores.server, logs) for one in chosen if not one.idle}
    try:
        for server in servers.values():
            server.start("/ready", b"ready")
        exchanges = {name: exchange_of(server.port) for name, server in servers.items()}
        for number in range(-1, rounds):
            for name, server in servers.items():
                before = CpuReading.of(server.pid)
                run = load.run(
                    program,
                    exchanges[name],
                    port=server.port,
                    connections=connections,
                    seconds=seconds,
                    core=cores.load,
                )
                spent = CpuReading.of(server.pid).seconds_since(before)
                if run.faults:
                    raise ServerError(f"{name}: {run.faults} wrong answers")
                if number >= 0:
                    found[name].rates.append(run.requests / run.seconds)
                    found[name].costs.append(spent / run.served * 1e6)
                    found[name].slowest.append(run.p99 / 1000)
                    say(f"round {number + 1}/{rounds}  {name:8} {found[name].costs[-1]:8.1f} ms/1k")
    finally:
        for server in servers.values():
            server.stop()
    return found


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of one by the other, taken inside each round."""
    return median(mine / other for mine, other in zip(ours, others, strict=True))


def table(found: Mapping[str, Seen], titles: Mapping[str, str]) -> str:
    """Return the figures as Markdown; in parentheses what NestPy's are as a multiple of the other's."""
    lines = [
        "| MCP tools/call | calls/s | CPU ms per 1000 | p99, ms | RSS at rest, MB | PSS at rest, MB | RSS loaded, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    ours = found[SUBJECT]
    for name, seen in found.items():
        assert seen.rest is not None  # `measure` reads both
        assert ours.rest is not None
        assert ours.loaded is not None
        if seen.loaded is None:
            rest = f"{seen.rest.rss:.1f} ({ours.rest.rss / seen.rest.rss:.2f})"
            lines.append(f"| {titles[name]} | – | – | – | {rest} | {seen.rest.pss:.1f} | – |")
            continue
        cells = [
            (median(seen.rates), ",.0f", ratio(ours.rates, seen.rates)),
            (median(seen.costs), ".1f", ratio(seen.costs, ours.costs)),
            (median(seen.slowest), ".1f", ratio(ours.slowest, seen.slowest)),
            (seen.rest.rss, ".1f", ours.rest.rss / seen.rest.rss),
            (seen.rest.pss, ".1f", ours.rest.pss / seen.rest.pss),
            (seen.loaded.rss, ".1f", ours.loaded.rss / seen.loaded.rss),
        ]
        shown = [format(value, form) + ("" if name == SUBJECT else f" ({times:.2f})") for value, form, times in cells]
        lines.append(f"| {titles[name]} | {' | '.join(shown)} |")
    return "\n".join(lines)


def judge(found: Mapping[str, Seen]) -> list[Goal]:
    """Hold NestPy against the targets: work in a CPU-second, and memory at rest.

    Memory is RSS: each is one process, and PSS falls with whatever else on the machine happens to share its libraries.
    """
    ours, goals = found[SUBJECT], []
    for name, seen in found.items():
        if name == SUBJECT or ours.rest is None or seen.rest is None or seen.loaded is None:
            continue
        work, memory = ratio(seen.costs, ours.costs), ours.rest.rss / seen.rest.rss
        goals.append(Goal(f"at least {WORK:g} times the work of {name} in a CPU-second", f"{work:.1f}", work >= WORK))
        goals.append(Goal(f"at most {MEMORY:g} of the memory of {name}", f"{memory:.2f}", memory <= MEMORY))
    return goals


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table and the targets, and write both to `.bench/results/mcp.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestants", default="", metavar="A,B", help="all of them when absent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args(arguments)
    names = {name for name in options.contestants.split(",") if name}
    chosen = [one for one in CONTESTANTS if not names or one.name in {*names, SUBJECT}]
    try:
        prepare(chosen)
        found = measure(chosen, rounds=options.rounds, seconds=options.seconds, connections=options.connections)
    except (peers.SetupError, load.LoadError, ServerError) as error:
        say(str(error))
        return 1
    goals = judge(found)
    shown = "\n".join([table(found, {one.name: one.title for one in chosen}), "", *map(str, goals)])
    print(shown)
    results = INSTALLED / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "mcp.md").write_text(f"{shown}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

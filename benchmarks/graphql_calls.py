"""Compare GraphQL servers: `make bench ARGS=graphql`, or `make bench ARGS="graphql --rounds 3"`.

Three repeated documents: a text, a hundred people with three fields each, and the same with the organisation of each
through a dataloader. Every answer must be the same data first. NestPy is in the table twice: over RSGI, and over ASGI,
as it is served once its schema has a subscription.
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
from typing import Any

import peers
from harness import load, machine
from harness.contestants import BENCHMARKS, INSTALLED
from harness.goals import Goal
from harness.processes import CpuReading, Server, ServerError, clean_environment, free_port
from harness.session import say
from harness.workloads import Exchange

SOURCES = BENCHMARKS / "contestants" / "graphql"
PYTHON = INSTALLED / "graphql" / "bin" / "python"
NEST = INSTALLED / "nestjs-graphql"
SUBJECT = "nestpy"
DOCUMENTS = {
    "hello": "{ hello }",
    "list": "{ users { id name email } }",
    "nested": "{ users { id name org { id name } } }",
}
PEOPLE = [{"id": number, "name": f"User {number}", "email": f"user{number}@example.com"} for number in range(100)]
ANSWERS: dict[str, Any] = {
    "hello": {"hello": "world"},
    "list": {"users": PEOPLE},
    "nested": {
        "users": [
            {
                "id": one["id"],
                "name": one["name"],
                "org": {"id": number % 10, "name": f"Organisation {number % 10}"},
            }
            for number, one in enumerate(PEOPLE)
        ]
    },
}
TARGETS = {
    "ariadne": {"hello": 5.0, "list": 2.0, "nested": 2.0},
    "strawberry": {"hello": 3.0, "list": 3.0, "nested": 3.0},
    "nestjs": {"hello": 1.5, "list": 1.5, "nested": 1.5},
}
"""Times the work in a CPU-second that NestPy is to do."""


class GraphqlServer(Server):
    """A server that is ready once it answers a query: not all take one by GET."""

    def _answers(self, path: str, answer: bytes) -> bool:
        del path, answer
        try:
            exchange_of(self.port, "hello")
        except (OSError, http.client.HTTPException, ServerError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server."""

    name: str
    title: str
    command: Callable[[int], Sequence[str]]
    directory: Path = SOURCES
    environ: Mapping[str, str] = field(default_factory=dict)

    def server(self, core: int, logs: Path) -> Server:
        """Return it on a free port, not started yet."""
        port = free_port()
        environment = clean_environment() | {"PORT": str(port), "NESTPY_ENV": "production", **self.environ}
        log = logs / f"graphql-{self.name}.log"
        return GraphqlServer(self.command(port), self.directory, environment, port, core, log)


def _uvicorn(target: str) -> Callable[[int], Sequence[str]]:
    options = "--loop uvloop --http httptools --no-access-log --log-level error --host 127.0.0.1"
    return lambda port: [str(PYTHON), "-m", "uvicorn", "--port", str(port), *options.split(), target]


def _nestpy(_port: int) -> Sequence[str]:
    return [sys.executable, "nestpy_app.py"]


CONTESTANTS = (
    Contestant("nestpy", "NestPy, granian, RSGI", _nestpy),
    Contestant("nestpy-asgi", "NestPy, granian, ASGI", _nestpy, environ={"STREAMS": "1"}),
    Contestant("ariadne", "Ariadne, uvicorn", _uvicorn("ariadne_app:app")),
    Contestant("strawberry", "Strawberry, uvicorn", _uvicorn("strawberry_app:app")),
    Contestant("nestjs", "NestJS, Apollo, Fastify", lambda _: ["node", "main.js"], NEST, {"NODE_ENV": "production"}),
)


@dataclass(slots=True)
class Seen:
    """What one contestant came to with one document, by round."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)


Found = dict[str, dict[str, Seen]]
"""By document, then by contestant."""


def exchange_of(port: int, document: str) -> Exchange:
    """Return the call with the bytes of the server's own answer, once its data is the right one.

    Raises:
        ServerError: it is not.
    """
    body = json.dumps({"query": DOCUMENTS[document]}, separators=(",", ":")).encode()
    path = "/graphql"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    told = json.loads(answer) if response.status == 200 else {}
    if told.get("data") != ANSWERS[document] or told.get("errors"):
        raise ServerError(f"{response.status}: {answer[:300]!r}")
    return Exchange(path, "POST", {}, body, answer=answer)


def measure(chosen: Sequence[Contestant], *, rounds: int, seconds: float, connections: int) -> Found:
    """Visit everybody with every document in each round; the first round is not counted."""
    program, cores, logs = load.compiled(INSTALLED), machine.choose_cores(), INSTALLED / "logs"
    logs.mkdir(exist_ok=True)
    servers = {one.name: one.server(cores.server, logs) for one in chosen}
    found: Found = {document: {name: Seen() for name in servers} for document in DOCUMENTS}
    try:
        for server in servers.values():
            server.start("/graphql", b"")
        for document in DOCUMENTS:
            exchanges = {name: exchange_of(server.port, document) for name, server in servers.items()}
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
                        seen = found[document][name]
                        seen.rates.append(run.requests / run.seconds)
                        seen.costs.append(spent / run.served * 1e6)
                        seen.slowest.append(run.p99 / 1000)
                        say(f"{document:6} {number + 1}/{rounds}  {name:12} {seen.costs[-1]:9.1f} ms/1k")
    finally:
        for server in servers.values():
            server.stop()
    return found


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of one by the other, taken inside each round."""
    return median(mine / other for mine, other in zip(ours, others, strict=True))


def table(found: Found, titles: Mapping[str, str]) -> str:
    """Return the figures as Markdown; in parentheses what NestPy's are as a multiple of the other's."""
    lines = ["| document | server | CPU ms per 1000 | requests/s | p99, ms |", "|---|---|---:|---:|---:|"]
    for document, servers in found.items():
        ours = servers[SUBJECT]
        for name, seen in servers.items():
            cells = [
                (median(seen.costs), ".1f", ratio(seen.costs, ours.costs)),
                (median(seen.rates), ",.0f", ratio(ours.rates, seen.rates)),
                (median(seen.slowest), ".1f", ratio(ours.slowest, seen.slowest)),
            ]
            shown = [format(value, form) + ("" if name == SUBJECT else f" ({by:.2f})") for value, form, by in cells]
            lines.append(f"| {document} | {titles[name]} | {' | '.join(shown)} |")
    return "\n".join(lines)


def judge(found: Found) -> list[Goal]:
    """Hold NestPy against the targets: work in a CPU-second."""
    goals = []
    for name, wanted in TARGETS.items():
        for document, times in wanted.items():
            if name in found[document]:
                work = ratio(found[document][name].costs, found[document][SUBJECT].costs)
                text = f"{document}: at least {times:g} times the work of {name} in a CPU-second"
                goals.append(Goal(text, f"{work:.1f}", work >= times))
    return goals


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table and the targets, and write both to `.bench/results/graphql.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestants", default="", metavar="A,B", help="all of them when absent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args(arguments)
    names = {name for name in options.contestants.split(",") if name}
    chosen = [one for one in CONTESTANTS if not names or one.name in {*names, SUBJECT}]
    try:
        INSTALLED.mkdir(exist_ok=True)
        (INSTALLED / ".gitignore").write_text("*\n")
        peers.python_environment(PYTHON, SOURCES / "requirements.txt")
        if any(one.name == "nestjs" for one in chosen):
            peers.node_environment(NEST, SOURCES / "nestjs")
        found = measure(chosen, rounds=options.rounds, seconds=options.seconds, connections=options.connections)
    except (peers.SetupError, load.LoadError, ServerError) as error:
        say(str(error))
        return 1
    shown = "\n".join([table(found, {one.name: one.title for one in chosen}), "", *map(str, judge(found))])
    print(shown)
    results = INSTALLED / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "graphql.md").write_text(f"{shown}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

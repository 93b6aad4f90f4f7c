"""W8, one row by id from PostgreSQL per request: `make bench ARGS=rows`, or `make bench ARGS="rows --rounds 3"`.

Every contestant holds four connections and reads the same table with the same statement; requests per second and the
CPU of the server's processes are put beside raw granian with asyncpg's own pool. PostgreSQL is not pinned.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import peers
from harness import load, machine
from harness.contestants import BENCHMARKS, INSTALLED, PYTHON
from harness.processes import CpuReading, Server, clean_environment, free_port
from harness.session import say
from harness.workloads import Exchange

ROWS = BENCHMARKS / "contestants" / "rows"
NEST = INSTALLED / "nestjs-rows"
DATABASE = "nestpy_bench"
URL = os.environ.get("BENCH_DATABASE_URL", f"postgresql://{getpass.getuser()}@127.0.0.1:5432/{DATABASE}")
EXCHANGE = Exchange("/rows/42", answer=b'{"id":42,"name":"Item 42","price":42.5}')


@dataclass(frozen=True, slots=True)
class Reader:
    """One contestant."""

    name: str
    title: str
    command: Callable[[int], Sequence[str]]
    directory: Path = ROWS


def _granian(interface: str, target: str) -> Callable[[int], Sequence[str]]:
    options = "--workers 1 --runtime-mode st --runtime-threads 2 --loop uvloop --http 1 --no-ws --no-access-log"
    fixed = [*options.split(), "--backpressure", "65536", "--log-level", "error", "--host", "127.0.0.1", target]
    return lambda port: [str(PYTHON), "-m", "granian", "--interface", interface, "--port", str(port), *fixed]


def _uvicorn(target: str) -> Callable[[int], Sequence[str]]:
    options = "--loop uvloop --http httptools --no-access-log --log-level error --host 127.0.0.1"
    return lambda port: [str(PYTHON), "-m", "uvicorn", "--port", str(port), *options.split(), target]


def _nest(adapter: str) -> Callable[[int], Sequence[str]]:
    return lambda port: ["node", "main.js", adapter, str(port)]


READERS = (
    Reader("rsgi", "raw RSGI, asyncpg's pool", _granian("rsgi", "rsgi:app")),
    Reader("nestpy", "NestPy, Repository", lambda port: [sys.executable, "nestpy.py"]),
    Reader("litestar", "Litestar, granian, asyncpg's pool", _granian("asgi", "litestar_app:app")),
    Reader("fastapi", "FastAPI, uvicorn, asyncpg's pool", _uvicorn("fastapi_app:app")),
    Reader("nest-fastify", "NestJS, Fastify, pg", _nest("fastify"), NEST),
    Reader("nest-express", "NestJS, Express, pg", _nest("express"), NEST),
)


async def fill(url: str) -> None:
    """Make the table, in a database of its own where *url* names the default one."""
    root = await asyncpg.connect(url.rpartition("/")[0] + "/postgres")
    if not await root.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", url.rpartition("/")[2]):
        await root.execute(f'CREATE DATABASE "{url.rpartition("/")[2]}"')
    await root.close()
    connection = await asyncpg.connect(url)
    await connection.execute(
        "DROP TABLE IF EXISTS items;"
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION NOT NULL);"
        "INSERT INTO items SELECT n, 'Item ' || n, n + 0.5 FROM generate_series(0, 9999) n"
    )
    await connection.close()


def prepare_nest() -> None:
    """Install the NestJS contestant once for each change of its pins."""
    NEST.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "main.js"):
        (NEST / name).write_bytes((ROWS / "nestjs" / name).read_bytes())
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=NEST, check=True)


def measure(readers: Sequence[Reader], *, rounds: int, seconds: float, connections: int) -> dict[str, list[float]]:
    """Return requests per second and CPU milliseconds per thousand requests of each, alternating."""
    program, cores, logs = load.compiled(INSTALLED), machine.choose_cores(), INSTALLED / "logs"
    logs.mkdir(exist_ok=True)
    servers, rates, costs = {}, {}, {}
    try:
        for reader in readers:
            port = free_port()
            environment = clean_environment() | {"PORT": str(port), "NODE_ENV": "production", "DATABASE_URL": URL}
            log = logs / f"rows-{reader.name}.log"
            server = Server(reader.command(port), reader.directory, environment, port, cores.server, log)
            server.start(EXCHANGE.path, EXCHANGE.answer or b"")
            servers[reader.name] = server
        for number in range(-1, rounds):
            for name, server in servers.items():
                before = CpuReading.of(server.pid)
                seen = load.run(
                    program, EXCHANGE, port=server.port, connections=connections, seconds=seconds, core=cores.load
                )
                spent = CpuReading.of(server.pid).seconds_since(before)
                if seen.faults:
                    say(f"{name}: {seen.faults} wrong answers")
                if number >= 0:
                    rates.setdefault(name, []).append(seen.requests / seen.seconds)
                    costs.setdefault(name, []).append(spent / seen.served * 1e6)
    finally:
        for server in servers.values():
            server.stop()
    return {name: [median(rates[name]), median(costs[name])] for name in servers}


def main(arguments: Sequence[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--contestants", default="", metavar="A,B", help="all of them when absent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args(arguments)
    names = [name for name in options.contestants.split(",") if name]
    readers = [reader for reader in READERS if not names or reader.name in (*names, "rsgi")]
    missing = peers.prepare(["python"])
    if missing:
        say(missing["python"])
        return 1
    if any(reader.directory is NEST for reader in readers):
        prepare_nest()
    asyncio.run(fill(URL))
    found = measure(readers, rounds=options.rounds, seconds=options.seconds, connections=options.connections)
    base_rate, base_cost = found["rsgi"]
    print("| W8 | requests/s | ratio | CPU ms per 1000 | work per CPU, ratio |\n|---|---|---|---|---|")
    for reader in readers:
        rate, cost = found[reader.name]
        print(f"| {reader.title} | {rate:.0f} | {rate / base_rate:.2f} | {cost:.1f} | {base_cost / cost:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

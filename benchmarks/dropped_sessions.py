"""M4, M5 and M6 of nestpy-mcp in full: `make soak ARGS=mcp`, or `make soak ARGS="mcp --sessions 2000 --idle 10"`.

Sessions are opened, used and dropped in waves, and the memory after each wave is put beside that after the first one.
Then the fuzzer and the comparison of masks run with many more cases than in the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import machine
from harness.contestants import BENCHMARKS, INSTALLED
from harness.goals import Goal
from harness.processes import Memory, Server, clean_environment, free_port
from harness.session import say

CAP = 32
"""Sessions that one principal may hold."""
GROWTH = 6.0
"""Megabytes by which a later wave may exceed the first: the allocator keeps what it was given back, here or there."""


@dataclass(frozen=True, slots=True)
class Wave:
    """What one wave came to: megabytes with all its sessions open, and once they have ended."""

    opened: int
    full: float
    empty: float


class Client:
    """One connection that opens sessions."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, user: str, method: str, session: str = "", **params: object) -> tuple[int, str]:
        """Send a request; return the status and the session that it opened, or the name of the answer's kind."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
            "X-User": user,
            **({"Mcp-Session-Id": session} if session else {}),
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self._connection.request("POST", "/mcp", json.dumps(message), headers)
        response = self._connection.getresponse()
        response.read()
        return response.status, response.headers.get("mcp-session-id", "")

    def open(self, user: str) -> tuple[int, str]:
        """Open a session."""
        return self.post(user, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "x"})

    def close(self) -> None:
        """Close the connection, and no session."""
        self._connection.close()


def wave(server: Server, count: int, idle: float, number: int) -> Wave:
    """Open so many sessions, use every tenth, drop them all and wait until they have ended."""
    opened = 0
    with contextlib.closing(Client(server.port)) as client:
        for index in range(count):
            user = f"user-{number}-{index // (CAP // 2)}"
            status, session = client.open(user)
            opened += status == 200
            if index % 10 == 0:
                client.post(user, "tools/call", session, name="work", _meta={"progressToken": 1})
    full = Memory.of(server.pid).rss
    time.sleep(idle + 1)
    with contextlib.closing(Client(server.port)) as client:
        client.open(f"sweeper-{number}")
    server.check()
    found = Wave(opened, full, Memory.of(server.pid).rss)
    say(f"wave {number}: {found.opened:,} sessions, {found.full:.1f} MB, {found.empty:.1f} MB once they have ended")
    return found


def held_by_one(server: Server) -> int:
    """Return how many sessions one principal gets."""
    with contextlib.closing(Client(server.port)) as client:
        return sum(client.open("greedy")[0] == 200 for _ in range(CAP + 8))


def judge(base: float, waves: Sequence[Wave], count: int, held: int) -> list[Goal]:
    """Hold what was seen against M6."""
    first, last = waves[0], waves[-1]
    each = 1024 * (first.full - base) / max(first.opened, 1)
    return [
        Goal(f"M6 {count:,} sessions are opened in each wave", str([one.opened for one in waves]), all(
            one.opened == count for one in waves
        )),
        Goal(
            f"M6 memory is back after every wave, within {GROWTH:g} MB of that after the first",
            f"{base:.1f} MB before, {', '.join(f'{one.empty:.1f}' for one in waves)} after; {each:.1f} KB a session",
            last.empty <= first.empty + GROWTH,
        ),
        Goal("M6 a further wave takes no more than the first", f"{first.full:.1f} then {last.full:.1f} MB", (
            last.full <= first.full + GROWTH
        )),
        Goal(f"M6 one principal holds {CAP} sessions", str(held), held == CAP),
    ]  # fmt: skip


def dropped(count: int, idle: float, waves: int, logs: Path) -> list[Goal]:
    """Run the waves."""
    port, core = free_port(), machine.choose_cores().server
    environment = clean_environment() | {
        "PORT": str(port),
        "NESTPY_ENV": "production",
        "NESTPY_MCP__SESSION_IDLE": str(idle),
    }
    command, place = [sys.executable, "sessions_app.py"], BENCHMARKS / "contestants" / "mcp"
    server = Server(command, place, environment, port, core, logs / "mcp-sessions.log")
    try:
        server.start("/ready", b"ready")
        base = Memory.of(server.pid).rss
        seen = [wave(server, count, idle, number + 1) for number in range(waves)]
        held = held_by_one(server)
    finally:
        server.stop()
    return judge(base, seen, count, held)


def repeated(name: str, file: str, variable: str, cases: int, seeds: int = 5) -> Goal:
    """Run a file of randomized tests with many more cases, of several seeds."""
    for seed in range(1, seeds + 1):
        say(f"{name}: seed {seed} of {seeds} …")
        environment = {**os.environ, variable: str(cases // seeds), "MCP_SEED": str(seed)}
        command = [sys.executable, "-m", "pytest", "-q", f"packages/nestpy-mcp/tests/{file}"]
        done = subprocess.run(
            command, cwd=BENCHMARKS.parent, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            say("\n".join(done.stdout.splitlines()[-20:]))
            return Goal(name, f"a failure with seed {seed}", met=False)
    return Goal(name, "no failure", met=True)


def main(arguments: Sequence[str]) -> int:
    """Run all, print one line per goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000, help="of each wave; 0 for none")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds after which a session ends")
    parser.add_argument("--waves", type=int, default=5)
    parser.add_argument("--messages", type=int, default=100_000, help="of the fuzzer; 0 for none")
    parser.add_argument("--policies", type=int, default=20_000, help="random policies of authorization; 0 for none")
    options = parser.parse_args(arguments)
    logs = INSTALLED / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    goals = dropped(options.sessions, options.idle, options.waves, logs) if options.sessions else []
    if options.messages:
        name = f"M5 {2 * options.messages:,} malformed messages break nothing"
        goals.append(repeated(name, "test_fuzz.py", "MCP_FUZZ", options.messages))
    if options.policies:
        name = f"M4 {options.policies:,} random policies show over MCP what they show over HTTP"
        goals.append(repeated(name, "test_masks.py", "MCP_POLICIES", options.policies))
    print("\n".join(map(str, goals)))
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The load generator: `load.c`, compiled once and run on its own core."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.workloads import Exchange

_SOURCE = Path(__file__).resolve().parent.parent / "load.c"


class LoadError(Exception):
    """The load generator cannot be built, or could not reach the server."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator saw. Times are microseconds.

    Attributes:
        requests: answered within `seconds`; `served` adds the first one of each connection, answered before.
        wrong: answers with another status or other bytes than expected.
        broken: connections that the server ended, reset, or answered on without a Content-Length.
        refused: connections that could not be opened again.
    """

    requests: int
    served: int
    seconds: float
    wrong: int
    broken: int
    refused: int
    bytes: int
    p50: int
    p90: int
    p99: int
    slowest: int

    @property
    def faults(self) -> int:
        return self.wrong + self.broken + self.refused


def compiled(directory: Path) -> Path:
    """The generator's program under `directory`, built when `load.c` has changed.

    Raises:
        LoadError: the machine has no C compiler.
    """
    program = directory / f"load-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None:
            raise LoadError(
                "The load generator `benchmarks/load.c` needs a C compiler and there is none.\n"
                "Hint: install one, on Debian with `apt-get install gcc libc6-dev`."
            )
        directory.mkdir(parents=True, exist_ok=True)
        partial = program.with_suffix(".partial")
        done = subprocess.run([compiler, "-O2", "-o", partial, _SOURCE], capture_output=True, text=True, check=False)
        if done.returncode:
            raise LoadError(f"`benchmarks/load.c` does not compile with {compiler}:\n{done.stderr}")
        partial.rename(program)
    return program


def run(program: Path, exchange: Exchange, *, port: int, connections: int, seconds: float, core: int) -> Load:
    """Put one exchange under load from `core`.

    Raises:
        LoadError: the server took no connection.
    """
    request = exchange.encoded(port)
    numbers = map(str, (port, connections, seconds, exchange.statuses[0], len(request)))
    done = subprocess.run(
        [program, *numbers],
        input=request + (exchange.answer or b""),
        capture_output=True,
        check=False,
        timeout=seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode != 0:
        raise LoadError(done.stderr.decode().strip() or f"load ended with code {done.returncode}")
    return Load(**json.loads(done.stdout))

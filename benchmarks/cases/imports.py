"""What an import costs in CPU milliseconds and megabytes, over a bare interpreter; best of several fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.processes import clean_environment

_SCRIPT = """
import json, time
began = time.process_time()
exec({statement!r})
took = time.process_time() - began
with open("/proc/self/status") as status:
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
print(json.dumps([took * 1000, memory / 1024]))
"""
_HELLO = "from nestpy_core import App, injectable, module; from nestpy_http import HttpModule, controller, get"


@dataclass(frozen=True, slots=True)
class Import:
    """The cost of one statement.

    Attributes:
        milliseconds: CPU time of the statement.
        megabytes: resident memory over that of an interpreter that runs `pass`.
    """

    milliseconds: float
    megabytes: float


def statements(packages: Path) -> Mapping[str, str]:
    """What to import, by the name it is reported under: references first, then each distribution."""
    found = {"msgspec": "import msgspec", "msgspec and asyncio": "import msgspec, asyncio"}
    for project in sorted(packages.glob("*/pyproject.toml")):
        name = project.parent.name
        imported = name.replace("-", "_")
        found[name] = f"import {imported}"
        found[f"{name}, every public name"] = f"from {imported} import *"
    found["the hello application's imports"] = _HELLO
    return found


def cost(statement: str, processes: int) -> Import | None:
    """The least cost over several processes, or None when the statement fails here."""
    runs = [_run(statement) for _ in range(processes)]
    bare = [_run("pass") for _ in range(processes)]
    sound = [run for run in runs if run is not None]
    empty = [run for run in bare if run is not None]
    if not sound or not empty:
        return None
    idle = min(memory for _, memory in empty)
    return Import(min(took for took, _ in sound), min(memory for _, memory in sound) - idle)


def _run(statement: str) -> tuple[float, float] | None:
    script = _SCRIPT.format(statement=statement)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    if done.returncode:
        return None
    took, memory = json.loads(done.stdout)
    return took, memory

"""Instructions of one call: the same on a busy machine as on an idle one, where the machine counts them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.timing import Call

_SOURCE = Path(__file__).resolve().parent.parent / "count.c"
_LOOPS = 200
_SUMMARY = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_TRIGGER = re.compile(r"^desc: Trigger: Client Request: (.+)$", re.MULTILINE)


class CountingError(Exception):
    """This machine counts no instructions."""


class Counter:
    """Counts the instructions of calls inside this process.

    Attributes:
        how: `processor` or `callgrind`.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.instructions.restype = ctypes.c_int64
        self.how = "processor" if self._library.instructions() >= 0 else "callgrind"

    def count(self, name: str, call: Call) -> float | None:
        """The instructions of one call, or None when callgrind writes them to its own file as `name`."""
        for _ in range(20):
            call()
        before = self._library.instructions()
        self._library.begin()
        for _ in range(_LOOPS):
            call()
        self._library.end(name.encode())
        after = self._library.instructions()
        return (after - before) / _LOOPS if self.how == "processor" else None


def library(directory: Path) -> Path:
    """The compiled `count.c` under `directory`.

    Raises:
        CountingError: there is no C compiler.
    """
    built = directory / f"count-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]}.so"
    if not built.exists():
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None:
            raise CountingError("there is no C compiler for `benchmarks/count.c`")
        directory.mkdir(parents=True, exist_ok=True)
        partial = built.with_suffix(".partial")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", partial, _SOURCE], check=True)
        partial.rename(built)
    return built


def under_callgrind(script: Sequence[str | Path], directory: Path) -> Mapping[str, float]:
    """Run a Python script that calls `Counter.count`, under valgrind; the instructions of one call by name.

    Raises:
        CountingError: valgrind is absent or failed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountingError("the processor's counter is closed here and `valgrind` is not installed")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={directory / 'out'}"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [valgrind, *options, sys.executable, *script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise CountingError("valgrind failed: " + " / ".join(done.stderr.strip().splitlines()[-3:]))
    return dict(filter(None, (_parsed(path.read_text()) for path in sorted(directory.iterdir()))))


def _parsed(dump: str) -> tuple[str, float] | None:
    trigger, summary = _TRIGGER.search(dump), _SUMMARY.search(dump)
    return (trigger[1], int(summary[1]) / _LOOPS) if trigger and summary else None

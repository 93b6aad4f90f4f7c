"""Ends the processes of a test run that was itself killed, so that none is left behind."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

__all__ = ("process_family",)

_GUARD = """
import os, shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
kept = set()
for line in sys.stdin:
    action, _, what = line.rstrip("\\n").partition(" ")
    (kept.add if action == "+" else kept.discard)(what)
pids = [int(what) for what in kept if what.isdecimal()]
for pid in pids:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            pass
for what in kept:
    if not what.isdecimal():
        shutil.rmtree(what, ignore_errors=True)
"""


class Reaper:
    """A process beside the test run that outlives it just long enough to clean up after it.

    It reads what to end from a pipe. The pipe's end is the run's end, a SIGKILL included.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def watch(self, what: int | Path) -> None:
        """End this process and its group, or remove this directory, when the run ends."""
        self._write("+", what)

    def forget(self, what: int | Path) -> None:
        """It has ended, or is removed."""
        if self._process is not None:
            self._write("-", what)

    def _write(self, action: str, what: int | Path) -> None:
        if self._process is None or self._owner != os.getpid():
            self._start()
        assert self._process is not None  # noqa: S101  # started above
        assert self._process.stdin is not None  # noqa: S101  # it has a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{action} {what}\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        atexit.register(self._close, os.getpid())

    def _close(self, owner: int) -> None:
        process = self._process
        if process is None or owner != os.getpid() or process.stdin is None:
            return
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


reaper = Reaper()
"""One for the process."""


def process_family(pid: int) -> list[int]:
    """Return *pid* and the processes below it, parents first; those that run now."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for member in found:
        found += children.get(member, ())
    return found


def _parents() -> list[tuple[int, int]]:
    if Path("/proc/self/stat").exists():
        pairs = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError, ValueError):
                    pairs.append((int(entry.name), int(_stat(entry)[1])))
        return pairs
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid="],  # noqa: S607  # where there is no /proc, there is ps
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.splitlines())]


def _stat(entry: Path) -> list[str]:
    """Return the fields after the command, which stands in parentheses and may hold anything."""
    return (entry / "stat").read_text().rpartition(")")[2].split()


def signal_family(pid: int, number: signal.Signals) -> None:
    """Send a signal to *pid* and all below it."""
    for member in process_family(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, number)

"""Runs a program under test as a child: waits until it is ready, kills it, restarts it, and leaves no orphan."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from ._reaper import process_family, reaper, signal_family
from ._server_process import HOST, listens
from .errors import ServerProcessError

__all__ = ("Killable", "Program", "kill_at_random")

_POLL = 0.01
_TAIL = 2000


class Killable(Protocol):
    """What `kill_at_random` works on: a `Program` or a `Fork`."""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        ...

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end and return its code; that of a signal is negative."""
        ...

    def start(self) -> object:
        """Start it anew."""
        ...


class Program:
    """A program in a process of its own: ``with Program("main.py", ready="serving") as program:``.

    It is ready when a line of its output fits *ready*, when something listens on *port*, or at once.
    It runs in a session of its own, and whatever of it is left is killed at the end, even when the test run
    itself is killed.

    Args:
        command: a Python file with its arguments, or ``-m module``; see *executable*.
        executable: what runs the command, by default this Python.
        cwd: its working directory.
        environ: variables beside those of this process; ``NESTPY_ENV`` is ``test`` unless given.
        ready: a pattern that is searched in each line of its standard output and error.
        port: on 127.0.0.1.
        start_timeout: seconds until it must be ready.

    Attributes:
        lines: what all its runs have printed, in order of arrival.
        starts: how often it was started.
    """

    def __init__(
        self,
        *command: str | Path,
        executable: str | Path = sys.executable,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        ready: str | re.Pattern[str] | None = None,
        port: int | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        self.lines: list[str] = []
        self.starts = 0
        self._command = [str(executable), *map(str, command)]
        self._cwd = cwd
        self._environ = {"NESTPY_ENV": "test", "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._ready = None if ready is None else re.compile(ready)
        self._port = port
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._mark = 0

    # -- life

    def start(self) -> Self:
        """Start it, and return once it is ready.

        Raises:
            ServerProcessError: it runs already, ended instead, or is not ready in time; with the end of its output.
        """
        if self.running:
            raise ServerProcessError(f"`{self.name}` runs already, as process {self.pid}.")
        self._join()
        self._mark = len(self.lines)
        self._process = process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            env={**os.environ, **self._environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        reaper.watch(process.pid)
        self.starts += 1
        self._readers = [self._reader(stream) for stream in (process.stdout, process.stderr) if stream is not None]
        try:
            self._until(self._is_ready, self._start_timeout, "is not ready")
        except BaseException:
            self.close()
            raise
        return self

    def restart(self) -> None:
        """Terminate it and start it anew."""
        self.terminate()
        self.start()

    def terminate(self, timeout: float = 60.0) -> int:
        """Send SIGTERM, wait for the end, and return its code."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> int:
        """Kill it and all processes below it with SIGKILL, and return its code."""
        process = self._started()
        members = process_family(process.pid)
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        return self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself; SIGSTOP and SIGCONT to those below it too."""
        process = self._started()
        if number in (signal.SIGSTOP, signal.SIGCONT):
            signal_family(process.pid, number)
        else:
            process.send_signal(number)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end and return its code; that of a signal is negative.

        Raises:
            ServerProcessError: it still runs after *timeout* seconds.
        """
        process = self._started()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ServerProcessError(f"`{self.name}` still runs after {timeout:g} s:\n{self._tail()}") from None
        self._end_rest(process.pid)
        self._join()
        return code

    def close(self) -> None:
        """Kill whatever is left of it."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            signal_family(process.pid, signal.SIGKILL)
            process.wait()
        self._end_rest(process.pid)
        self._join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what is known of it

    @property
    def name(self) -> str:
        """What messages call it."""
        return " ".join(Path(word).name for word in self._command[1:]) or Path(self._command[0]).name

    @property
    def running(self) -> bool:
        """Whether its process exists."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of its process, or of its last one."""
        return self._started().pid

    @property
    def output(self) -> str:
        """What all its runs have printed."""
        return "".join(f"{line}\n" for line in self.lines.copy())

    def wait_for_line(self, pattern: str | re.Pattern[str], timeout: float = 60.0) -> str:
        """Wait until this run has printed a line in which *pattern* is found, and return the first.

        Raises:
            ServerProcessError: it ended without it, or *timeout* seconds have passed.
        """
        wanted = re.compile(pattern)
        self._until(lambda: self._line(wanted) is not None, timeout, f"has not printed `{wanted.pattern}`")
        return self._line(wanted) or ""

    # -- how

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise ServerProcessError(f"`{self.name}` has not been started.\nHint: call `start()`")
        return self._process

    def _is_ready(self) -> bool:
        if self._ready is not None and self._line(self._ready) is None:
            return False
        return self._port is None or listens(HOST, self._port)

    def _line(self, pattern: re.Pattern[str]) -> str | None:
        return next((line for line in self.lines[self._mark :] if pattern.search(line)), None)

    def _until(self, holds: Callable[[], bool], timeout: float, complaint: str) -> None:
        process = self._started()
        ends = time.monotonic() + timeout
        while not holds():
            if process.poll() is not None:
                self._join()
                if holds():
                    return
                raise ServerProcessError(f"`{self.name}` ended with {process.returncode}:\n{self._tail()}")
            if time.monotonic() > ends:
                raise ServerProcessError(f"`{self.name}` {complaint} after {timeout:g} s:\n{self._tail()}")
            time.sleep(_POLL)

    def _tail(self) -> str:
        return "\n".join(self.lines[self._mark :])[-_TAIL:]

    def _reader(self, stream: IO[str]) -> threading.Thread:
        def read() -> None:
            with stream:
                for line in stream:
                    self.lines.append(line.rstrip("\n"))

        thread = threading.Thread(target=read, name=f"output of {self.name}", daemon=True)
        thread.start()
        return thread

    def _end_rest(self, pid: int) -> None:
        """Kill what its process left behind in its session's group, which also ends their output."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        reaper.forget(pid)

    def _join(self) -> None:
        for thread in self._readers:
            thread.join(timeout=10)
        self._readers = []


def kill_at_random(
    programs: Sequence[Killable],
    kills: int,
    *,
    between: tuple[float, float] = (0.005, 0.06),
    numbers: Sequence[signal.Signals] = (signal.SIGKILL,),
    seed: int = 0,
    until: Callable[[], bool] = lambda: False,
) -> list[tuple[float, int, int]]:
    """Kill one of *programs* again and again, and start it anew each time.

    Args:
        programs: running.
        kills: how often.
        between: seconds from one kill to the next, at least and at most.
        numbers: the signals to choose from.
        seed: repeats the choice.
        until: asked before each kill; True ends it early.

    Returns:
        For each kill its time on the monotonic clock, which one it hit, and the code that it ended with.
    """
    choose = random.Random(seed)  # noqa: S311  # repeatable
    done: list[tuple[float, int, int]] = []
    while len(done) < kills and not until():
        time.sleep(choose.uniform(*between))
        index = choose.randrange(len(programs))
        at = time.monotonic()
        programs[index].send(choose.choice(list(numbers)))
        done.append((at, index, programs[index].wait()))
        programs[index].start()
    return done

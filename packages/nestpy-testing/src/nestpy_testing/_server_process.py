"""Runs a server of a test's own: started in a fresh directory, killed, paused, restarted, and gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from ._ports import free_port
from ._reaper import reaper, signal_family
from .errors import ServerProcessError

__all__ = ("ServerProcess",)

HOST = "127.0.0.1"
_TAIL = 2000
"""Characters of a log that a message quotes."""


class ServerProcess(ABC):
    """A server that belongs to one test, which may kill and restart it; its data survives a restart.

    ``with RedisProcess() as server:`` starts it and removes it. Every method blocks; in an async test that
    must go on meanwhile, ``await anyio.to_thread.run_sync(server.restart)``.

    As root the server runs as ``nobody``. It is ended even when the test run is killed.

    Attributes:
        port: on 127.0.0.1, the same after every restart.
        directory: of its data and its ``server.log``.
    """

    name: str

    def __init__(self, *, start_timeout: float = 60.0) -> None:
        self.port = free_port(HOST)
        self.directory = Path()
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None

    # -- what a kind of server says

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @abstractmethod
    def _prepare(self) -> None: ...

    _stop_signal = signal.SIGTERM

    # -- what a test does with it

    @property
    def pid(self) -> int:
        """The process's id.

        Raises:
            ServerProcessError: it does not run.
        """
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether its process exists, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it, and return once it answers.

        Raises:
            ServerProcessError: it ended instead, or does not answer in time; with the end of its log.
        """
        if self.running:
            raise ServerProcessError(f"This {self.name} runs already, as process {self.pid}.")
        if not self.directory.name:
            self._make_directory()
        deadline = time.monotonic() + self._start_timeout
        while not self._started(deadline):
            # PostgreSQL refuses while processes of its killed predecessor still end.
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Ask it to end in good order, and wait; nothing where it does not run."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """End it at once with SIGKILL, and all its processes: a crash."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it in good order and start it on the same port and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop its processes where they are with SIGSTOP: connections stay open and nothing answers."""
        signal_family(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        signal_family(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """Return what it has logged so far."""
        file = self.directory / "server.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        if self.directory.name:
            shutil.rmtree(self.directory, ignore_errors=True)
            reaper.forget(self.directory)
            self.directory = Path()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- how

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise ServerProcessError(f"This {self.name} does not run.\nHint: call `start()`")
        return self._process

    def _make_directory(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"nestpy-{self.name.lower()}-"))
        reaper.watch(self.directory)
        owner = unprivileged()
        if owner:
            os.chown(self.directory, owner.get("user", -1), owner.get("group", -1))
        self._prepare()

    def _started(self, deadline: float) -> bool:
        with (self.directory / "server.log").open("ab") as log:
            mark = log.tell()
            self._process = process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **unprivileged(),
            )
        reaper.watch(process.pid)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                reaper.forget(process.pid)
                if "shared memory block" in self.log()[mark:]:
                    return False
                raise ServerProcessError(f"{self.name} ended with {process.returncode}:\n{self.log()[-_TAIL:]}")
            if self._answers():
                return True
            time.sleep(0.01)
        self.kill()
        raise ServerProcessError(f"{self.name} does not answer after {self._start_timeout:g} s:\n{self.log()[-_TAIL:]}")

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            if number == signal.SIGKILL:
                signal_family(process.pid, number)
            else:
                signal_family(process.pid, signal.SIGCONT)
                process.send_signal(number)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                signal_family(process.pid, signal.SIGKILL)
                process.wait()
        reaper.forget(process.pid)


def run(command: Sequence[str], directory: Path, name: str) -> None:
    """Run a program that prepares a server's directory, as the server's user."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, **unprivileged())
    if done.returncode:
        raise ServerProcessError(f"{name} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-_TAIL:]}")


class User(TypedDict, total=False):
    """The keywords of `subprocess.Popen` that say as whom a process runs."""

    user: int
    group: int
    extra_groups: list[int]


def unprivileged() -> User:
    """Return what starts a process as ``nobody`` where this one is root, which PostgreSQL refuses to run as."""
    if os.geteuid() != 0:
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def reachable(program: Path) -> bool:
    """Return whether the server's user may run *program*: root's home is often closed to others."""
    with contextlib.suppress(OSError):
        return (
            subprocess.run(
                [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, **unprivileged()
            ).returncode
            == 0
        )
    return False


def listens(host: str, port: int, timeout: float = 1.0) -> bool:
    """Return whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return False
    return True

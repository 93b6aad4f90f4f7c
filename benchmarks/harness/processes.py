"""A server as a process tree: started on its core, timed to its first answer, accounted for, and always ended."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

BOOT_SECONDS = 60.0
STOP_SECONDS = 5.0
_TICK = os.sysconf("SC_CLK_TCK")
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


class ServerError(Exception):
    """A contestant's server did not start, or is gone."""


def free_port() -> int:
    """A port nobody listens on. A second granian on a used port would silently share its traffic."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """This process's environment without what would configure a server or have each start compile its modules anew."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NESTPY_", "GRANIAN_")) and name != "PYTHONDONTWRITEBYTECODE"
    }


def descendants(root: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found.extend(parents.get(process, ()))
    return found


@dataclass(frozen=True, slots=True)
class CpuReading:
    """What a process tree had used at one moment: nanoseconds by thread, and ticks in all."""

    threads: Mapping[int, int]
    ticks: int

    @classmethod
    def of(cls, root: int) -> Self:
        threads: dict[int, int] = {}
        ticks = 0
        for process in descendants(root):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
                for thread in Path(f"/proc/{process}/task").iterdir():
                    threads[int(thread.name)] = int((thread / "schedstat").read_text().split()[0])
        return cls(threads, ticks)

    def seconds_since(self, earlier: CpuReading) -> float:
        """CPU seconds between two readings.

        The scheduler's nanoseconds are exact but are lost with a thread that ends; `utime + stime` survives and counts
        in steps of 10 ms.
        """
        if self.threads and any(self.threads.values()) and earlier.threads.keys() <= self.threads.keys():
            return sum(used - earlier.threads.get(thread, 0) for thread, used in self.threads.items()) / 1e9
        return (self.ticks - earlier.ticks) / _TICK


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of a process tree; PSS counts a shared page once, RSS once for each process."""

    pss: float
    rss: float

    @classmethod
    def of(cls, root: int) -> Self:
        pss = rss = 0
        for process in descendants(root):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                    name, _, rest = line.partition(":")
                    pss += int(rest.split()[0]) if name == "Pss" else 0
                    rss += int(rest.split()[0]) if name == "Rss" else 0
        return cls(pss / 1024, rss / 1024)

    def grown(self, before: Memory, after: Memory) -> Memory:
        """This plus the difference of two others: beside other servers PSS is low, for libraries are shared."""
        return Memory(self.pss + after.pss - before.pss, self.rss + after.rss - before.rss)


@dataclass(frozen=True, slots=True)
class Boot:
    """From the start of the process to its first good answer."""

    milliseconds: float
    cpu_milliseconds: float


@dataclass(slots=True)
class Server:
    """One contestant's process tree.

    Attributes:
        core: the only core it may use.
        log: takes what the server prints; read only when it fails.
    """

    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    port: int
    core: int
    log: Path
    boot: Boot | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def start(self, path: str, answer: bytes) -> Boot:
        """Start it and ask for `path` until the answer is right.

        Raises:
            ServerError: it ended, or did not answer within a minute.
        """
        began = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._enter,  # noqa: PLW1509 - this process has no threads
            )
        while not self._answers(path, answer):
            self.check()
            if time.perf_counter() - began > BOOT_SECONDS:
                raise ServerError(f"no answer within {BOOT_SECONDS:.0f} s{self._last_words()}")
            time.sleep(0.001)
        took = time.perf_counter() - began
        used = CpuReading.of(self.pid).seconds_since(CpuReading({}, 0))
        self.boot = Boot(took * 1000, used * 1000)
        return self.boot

    def check(self) -> None:
        """Raise ServerError when the process has ended."""
        if self._process is None or self._process.poll() is not None:
            code = self._process.returncode if self._process else None
            raise ServerError(f"it ended with code {code}{self._last_words()}")

    def stop(self) -> None:
        """End the whole process group: politely, then not."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._process = None

    def _enter(self) -> None:
        os.sched_setaffinity(0, {self.core})
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)

    def _answers(self, path: str, answer: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status == 200 and response.read() == answer
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return "".join(f"\n    {line}" for line in lines)

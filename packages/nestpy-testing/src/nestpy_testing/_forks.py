"""Starts workers in a millisecond each: one process imports everything once and forks them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ._reaper import reaper
from .errors import ServerProcessError

__all__ = ("Fork", "ForkServer")


class ForkServer:
    """Forks workers from a process that has done the imports: a thousand kills in seconds.

    Args:
        target: the function of a worker, as ``path/to/file.py:function`` or ``package.module:function``. It takes
            strings and may call `asyncio.run`.
        environ: variables beside those of this process.
        output: the file that the workers' output is appended to; nowhere by default.
    """

    def __init__(self, target: str, *, environ: Mapping[str, str] | None = None, output: Path | None = None) -> None:
        self._target = target
        self._environ = {"NESTPY_ENV": "test", "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._output = output
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}

    def start(self) -> Self:
        """Start the process and let it import the target.

        Raises:
            ServerProcessError: the import fails; its traceback is on standard error.
        """
        sink = os.devnull if self._output is None else str(self._output)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nestpy_testing._fork_server", self._target, sink],
            env={**os.environ, **self._environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        reaper.watch(self._process.pid)
        self._ask({"do": "import"})
        return self

    def close(self) -> None:
        """Kill every worker, and the process that forked them."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        # It kills its workers when its input ends.
        try:
            process.wait(timeout=10)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reaper.forget(process.pid)

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

    def fork(self, *arguments: str) -> Fork:
        """Start a worker that calls the target with *arguments*."""
        return Fork(self, arguments).start()

    def spawn(self, arguments: tuple[str, ...]) -> int:
        """Fork once and return the process id."""
        pid: int = self._ask({"do": "fork", "arguments": list(arguments)})["pid"]
        self._ended.pop(pid, None)  # of an earlier worker with this number
        return pid

    def ended(self, pid: int) -> int | None:
        """Return the code that a worker ended with, None while it runs."""
        if pid not in self._ended:
            self._ended.update({int(key): code for key, code in self._ask({"do": "reap"})["ended"].items()})
        return self._ended.get(pid)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                raise ServerProcessError("This `ForkServer` does not run.\nHint: use it inside `with ForkServer(…)`")
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{json.dumps(question)}\n")
                process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise ServerProcessError(f"The process that forks `{self._target}` has ended with {process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Fork:
    """One worker, which can be killed and started anew.

    Attributes:
        pid: of its present or last process.
        starts: how often it was started.
    """

    def __init__(self, server: ForkServer, arguments: tuple[str, ...]) -> None:
        self._server = server
        self._arguments = arguments
        self.pid = 0
        self.starts = 0

    def start(self) -> Self:
        """Start it, or start it anew after its end."""
        if self.pid and self.running:
            raise ServerProcessError(f"This worker runs already, as process {self.pid}.")
        self.pid = self._server.spawn(self._arguments)
        self.starts += 1
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._server.ended(self.pid) is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill it with SIGKILL and return its code."""
        self.send(signal.SIGKILL)
        return self.wait()

    def terminate(self, timeout: float = 60.0) -> int:
        """Send SIGTERM, wait for the end, and return its code."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end and return its code; that of a signal is negative.

        Raises:
            ServerProcessError: it still runs after *timeout* seconds.
        """
        ends = time.monotonic() + timeout
        while (code := self._server.ended(self.pid)) is None:
            if time.monotonic() > ends:
                raise ServerProcessError(f"Worker {self.pid} still runs after {timeout:g} s.")
            time.sleep(0.001)
        return code

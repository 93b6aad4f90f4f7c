"""Starts apps made of a test's own providers, and asks them without a socket."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from nestpy_core import App, BootError, module
from nestpy_http import HttpClient, HttpModule
from nestpy_testing import free_port

sys.path.append(str(Path(__file__).parent))

PLAIN = {"NESTPY_ENV": "test"}


def app_of(*providers, imports=(), environ=PLAIN, plugins=(), **options):
    @module(imports=[HttpModule.for_root(**options), *imports], providers=list(providers))
    class TestedModule: ...

    return App(TestedModule, environ=environ, plugins=plugins)


@pytest.fixture
def serving():
    """Return ``async with serving(*providers, **http_options) as client``."""

    @contextlib.asynccontextmanager
    async def serve(*providers, **options):
        app = app_of(*providers, **options)
        async with app.create_context():
            yield HttpClient(app.__rsgi__)

    return serve


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, **http_options)``."""
    return app_of


@pytest.fixture
def boot_problems():
    """Return ``boot_problems(*providers, **options)``: the text of each problem of an app that must not boot."""

    def problems(*providers, **options):
        with pytest.raises(BootError) as caught:
            app_of(*providers, **options)
        return [str(problem) for problem in caught.value.exceptions]

    return problems


class Served:
    """The app of `serving/main.py` in processes of its own, in one group."""

    def __init__(self, command, environ):
        self.port = free_port()
        variables = {"NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(self.port), "NESTPY_HTTP__HOST": "127.0.0.1"}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=Path(__file__).parent / "serving",
            env={**os.environ, **variables, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def text(self):
        return "".join(self.lines)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def until(self, claim, seconds=15.0):
        """Return the first true answer of *claim*; connections refused meanwhile are none."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if found := claim():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds:g} s:\n{self.text}")

    def get(self, path):
        return httpx.get(f"{self.url}{path}", timeout=10)

    def pids(self, word):
        """Return the processes that printed *word* and their number."""
        return [int(line.split()[1]) for line in self.lines if line.startswith(f"{word} ")]

    def accepts(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def end(self, number=signal.SIGTERM, seconds=15):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.ended(seconds)

    def ended(self, seconds=15):
        """Wait for the end and return the exit code; the last line has been read then."""
        code = self.process.wait(seconds)
        self._reader.join(2)
        return code

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(2)
        self.process.stdout.close()


@pytest.fixture
def start_server():
    """Return ``start_server(*command, **environ)``; every process is killed at the end."""
    started = []

    def start(*command, **environ):
        started.append(Served(command or ["main.py"], environ))
        return started[-1]

    yield start
    for served in started:
        served.kill()

"""Starts apps with telemetry, reads their lines, and receives what they export."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nestpy_core import App, module
from nestpy_http import HttpClient, HttpModule
from nestpy_telemetry import TelemetryModule
from nestpy_testing import free_port

sys.path.append(str(Path(__file__).parent))

from otlp_receiver import Receiver

PLAIN = {"NESTPY_ENV": "test"}


def app_of(*providers, http=None, environ=PLAIN, imports=(), plugins=(), **options):
    @module(
        imports=[HttpModule.for_root(**(http or {})), TelemetryModule.for_root(**options), *imports],
        providers=list(providers),
    )
    class ObservedModule: ...

    return App(ObservedModule, environ=environ, plugins=plugins)


@pytest.fixture
def make_app():
    """Return ``make_app(*providers, http={…}, **telemetry_options)``."""
    return app_of


class Lines:
    """The JSON lines of a test's own error stream."""

    def __init__(self, capsys):
        self._capsys = capsys
        self._text = ""

    @property
    def text(self):
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def all(self):
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def of(self, logger):
        return [line for line in self.all if line["logger"] == logger]

    @property
    def operations(self):
        return self.of("nestpy.operation")

    def last(self):
        return self.operations[-1]


@pytest.fixture
def lines(capsys):
    return Lines(capsys)


@pytest.fixture
def observing():
    """Return ``async with observing(*providers, http={…}, **telemetry_options) as client``."""

    @contextlib.asynccontextmanager
    async def start(*providers, **options):
        options.setdefault("log_format", "json")
        app = app_of(*providers, **options)
        async with app.create_context() as context:
            client = HttpClient(app.__rsgi__)
            client.context, client.app = context, app
            yield client

    return start


@pytest.fixture
def receiver():
    started = Receiver()
    yield started
    started.close()


@pytest.fixture
def served():
    """Return ``served(file, **environ)``: a file of `serving/` in processes of its own, and how to wait for it."""
    started = []

    def start(file, **environ):
        started.append(Served(file, environ))
        return started[-1]

    yield start
    for one in started:
        one.kill()


class Served:
    """An app in processes of its own, with every line that they print."""

    def __init__(self, file, environ):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        variables = {"NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(self.port), "NESTPY_HTTP__HOST": "127.0.0.1"}
        self.process = subprocess.Popen(
            [sys.executable, file],
            cwd=Path(__file__).parent / "serving",
            env={**os.environ, **variables, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.printed.extend(iter(self.process.stdout.readline, ""))

    @property
    def lines(self):
        return [json.loads(line) for line in list(self.printed) if line.startswith("{")]

    def until(self, claim, seconds=30.0):
        """Return the first true answer of *claim*."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if found := claim():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds:g} s:\n{''.join(self.printed)}")

    @contextlib.contextmanager
    def paused(self, pid):
        """Hold one of the processes where it is; it takes no connection meanwhile."""
        os.kill(pid, signal.SIGSTOP)
        try:
            # Its threads hear of it one by one, and go on accepting till then.
            self.until(lambda: _states(pid) <= {"T"})
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def end(self, seconds=30):
        """Send SIGTERM and return the exit code; the last line has been read then."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()


def _states(pid):
    """The states of a process's threads, as far as the system shows them."""
    files = Path(f"/proc/{pid}/task").glob("*/stat")
    return {file.read_text().rpartition(")")[2].split()[0] for file in files}

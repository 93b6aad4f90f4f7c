"""Probes of real processes: under each server, in a worker without HTTP, and while they drain."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from nestpy_testing import free_port

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parent / "serving"


class Process:
    """One process that serves probes on a port."""

    def __init__(self, *command, **environ):
        self.port = free_port()
        port = str(self.port)
        variables = {
            "NESTPY_ENV": "test",
            "NESTPY_HTTP__PORT": port,
            "NESTPY_HTTP__HOST": "127.0.0.1",
            "NESTPY_HEALTH__PORT": port,
            "NESTPY_HEALTH__HOST": "127.0.0.1",
        }
        self.process = subprocess.Popen(
            [sys.executable, *(part.replace("PORT", port) for part in command)],
            cwd=DIRECTORY,
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

    def get(self, path):
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def until_up(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if self.get("/health/ready").status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self._reader.join(5)
        return code

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(2)
        self.process.stdout.close()


@pytest.fixture
def start():
    """Return ``start(*command, **environ)``; every process is killed at the end."""
    started = []

    def begin(*command, **environ):
        started.append(Process(*command, **environ))
        started[-1].until_up()
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def statuses(process):
    return [process.get(f"/health/{name}").status_code for name in ("live", "ready", "startup")]


def until_refused(process, *paths):
    """Ask each path on new connections until the port is closed; return the sets of their statuses."""
    seen = [set() for _ in paths]
    with contextlib.suppress(httpx.TransportError):
        while True:
            for path, found in zip(paths, seen, strict=True):
                found.add(process.get(path).status_code)
    return seen


def test_readiness_is_red_during_the_drain_delay_while_requests_are_served(start):
    process = start("main.py", NESTPY_APP__DRAIN_DELAY="2.5")
    assert statuses(process) == [200, 200, 200]
    process.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 10
    while process.get("/health/ready").status_code == 200:
        assert time.monotonic() < deadline
    assert process.get("/health/ready").json()["error"] == {
        "app": {"name": "app", "status": "down", "error": "shutting down"}
    }
    ready, live, hello = until_refused(process, "/health/ready", "/health/live", "/")
    assert (ready, live, hello) == ({503}, {200}, {200})
    assert process.process.wait(30) == 0


def test_every_one_of_several_processes_answers_and_drains(start):
    process = start("main.py", WORKERS="2", NESTPY_APP__DRAIN_DELAY="2.5")
    pids = set()
    deadline = time.monotonic() + 20
    with ThreadPoolExecutor(8) as pool:
        while len(pids) < 2 and time.monotonic() < deadline:
            pids.update(answer.text for answer in pool.map(process.get, ["/pid"] * 16))
    assert {tuple(statuses(process)) for _ in range(10)} == {(200, 200, 200)}
    assert len(pids) == 2
    process.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 10
    while process.get("/health/ready").status_code == 200:
        assert time.monotonic() < deadline
    _, hello = until_refused(process, "/health/ready", "/")
    assert hello == {200}
    assert process.process.wait(30) == 0


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "uvicorn", "--port", "PORT", "main:app"),
        ("-m", "granian", "--interface", "rsgi", "--port", "PORT", "main:app"),
    ],
    ids=["uvicorn", "granian"],
)
def test_foreign_servers_serve_them(start, command):
    assert statuses(start(*command)) == [200, 200, 200]


def test_a_worker_without_http_serves_them_itself_and_loads_nothing_of_http(start):
    process = start("worker.py", NESTPY_APP__DRAIN_DELAY="2.5")
    assert statuses(process) == [200, 200, 200]
    assert list(process.get("/health/live").json()["info"]) == ["loop"]
    assert process.get("/").status_code == 404
    process.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 10
    while process.get("/health/ready").status_code == 200:
        assert time.monotonic() < deadline
    ready, live = until_refused(process, "/health/ready", "/health/live")
    assert (ready, live) == ({503}, {200})
    assert process.process.wait(30) == 0
    process.kill()
    assert "['nestpy_http', 'nestpy_http._plugin']\n" in process.lines
    assert "left\n" in process.lines

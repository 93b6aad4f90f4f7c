"""A process that is told to end finishes what was published, under each server."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from nestpy_testing import free_port

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parent / "serving"


@pytest.mark.parametrize(
    "command",
    [("main.py",), ("-m", "uvicorn", "--port", "PORT", "main:app")],
    ids=["alone", "uvicorn"],
)
def test_what_was_published_is_finished_after_a_signal_before_anything_is_closed(command):
    port = str(free_port())
    environ = {**os.environ, "NESTPY_ENV": "test", "NESTPY_HTTP__PORT": port, "NESTPY_HTTP__HOST": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, *(part.replace("PORT", port) for part in command)],
        cwd=DIRECTORY,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        try:
            for number in (1, 2):
                place(f"http://127.0.0.1:{port}/{number}", process)
            process.send_signal(signal.SIGTERM)
            lines = process.stdout.read().splitlines()
        finally:
            guard.cancel()
            process.kill()
    said = [line for line in lines if line.startswith(("begun", "sent", "closed"))]
    assert said == ["begun 1", "sent 1", "begun 2", "sent 2", "closed"]


def place(url, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            assert httpx.post(url, timeout=10).status_code == 201
            return
        time.sleep(0.05)
    raise AssertionError("the app does not answer")

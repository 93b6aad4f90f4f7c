"""The first example answers under every server that its README names."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from nestpy_testing import free_port

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parents[1] / "examples" / "app"
COMMANDS = {
    "python": ["main.py"],
    "granian rsgi": ["-m", "granian", "--interface", "rsgi", "--port", "PORT", "main:app"],
    "granian asgi": ["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"],
    "uvicorn": ["-m", "uvicorn", "--port", "PORT", "main:app"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_example_app_says_hello(name):
    port = free_port()
    command = [str(port) if part == "PORT" else part for part in COMMANDS[name]]
    environ = {**os.environ, "NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, *command], cwd=DIRECTORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert greeting(f"http://127.0.0.1:{port}/", process) == "Hello World"
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=15)


def greeting(url, process):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url).text
        time.sleep(0.05)
    return pytest.fail("the server does not answer")

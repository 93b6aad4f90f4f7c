"""Serves `wire/main.py` by each of the servers that it must be the same on."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from nestpy_testing import free_port

DIRECTORY = Path(__file__).parent / "wire"
SERVERS = {
    "granian rsgi": ["main.py"],
    "granian asgi": ["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"],
    "uvicorn": ["-m", "uvicorn", "--no-server-header", "--port", "PORT", "main:app"],
}


def launched(name, port, environ, **options):
    """Start a server in a process of its own."""
    command = [str(port) if part == "PORT" else part for part in SERVERS[name]]
    variables = {"NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1"}
    return subprocess.Popen(
        [sys.executable, *command], cwd=DIRECTORY, env={**os.environ, **variables, **environ}, **options
    )


@contextlib.contextmanager
def serving(name, environ):
    """Give the port of a server that listens, and see that it still runs at the end."""
    port, process = started(name, environ)
    with process:
        try:
            yield port
            assert process.poll() is None, "the server has ended"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            finally:
                process.kill()


def started(name, environ):
    """Return the port and the process of a server that listens, on another port where somebody else took the first."""
    deadline = time.monotonic() + 25
    while True:
        port = free_port()
        process = launched(name, port, environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return port, process
            if time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"{name} does not listen")
            time.sleep(0.05)
        assert time.monotonic() < deadline, f"{name} ended with {process.returncode} before it listened"

"""A handler whose client has left is cancelled, on every server."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nestpy_testing import free_port

DIRECTORY = Path(__file__).parent / "wire"
SERVERS = {
    "granian rsgi": ["main.py"],
    "granian asgi": ["-m", "granian", "--interface", "asgi", "--port", "PORT", "main:app"],
    "uvicorn": ["-m", "uvicorn", "--port", "PORT", "main:app"],
}


@pytest.mark.e2e
@pytest.mark.parametrize("server", SERVERS)
def test_a_handler_whose_client_left_is_cancelled(server, tmp_path):
    port = free_port()
    command = [str(port) if part == "PORT" else part for part in SERVERS[server]]
    environ = {**os.environ, "NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1"}
    written = tmp_path / "cancelled"
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=DIRECTORY,
        env={**environ, "WIRE_CANCELLED": str(written)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            with until_connected(port) as connection:
                connection.sendall(b"GET /answers/left HTTP/1.1\r\nhost: localhost\r\n\r\n")
                time.sleep(0.5)
            deadline = time.monotonic() + 5
            while not written.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert written.exists()
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def until_connected(port):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        time.sleep(0.05)
    pytest.fail("the server does not listen")

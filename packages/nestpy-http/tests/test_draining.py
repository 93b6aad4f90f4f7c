"""A real server, alone in its process: how it starts, refuses to, and leaves."""

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

from nestpy_testing import free_port

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parent / "wire"


@contextlib.contextmanager
def serving_alone(port, **settings):
    environ = {**os.environ, "NESTPY_ENV": "test", "NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__HOST": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=DIRECTORY,
        env={**environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def listening(port, process):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        if connects(port):
            return f"http://127.0.0.1:{port}"
        time.sleep(0.02)
    raise AssertionError(process.communicate())


def connects(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Slow(threading.Thread):
    """A request that takes its time beside the test."""

    def __init__(self, url, seconds):
        super().__init__(daemon=True)
        self.url = f"{url}/answers/slow?seconds={seconds}"
        self.text = None
        self.status = None
        self.start()

    def run(self):
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(self.url, timeout=30)
            self.status, self.text = answer.status_code, answer.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_signal_lets_a_running_request_finish_refuses_new_ones_and_exits_with_0(number):
    port = free_port()
    with serving_alone(port) as process:
        slow = Slow(listening(port, process), 1.0)
        assert process.stdout.readline() == "began\n"
        process.send_signal(number)
        deadline = time.monotonic() + 0.8
        while connects(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not connects(port), "new connections are still accepted"
        assert slow.is_alive()
        slow.join(10)
        assert slow.text == "finished"
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, "Traceback" in errors) == (0, False), errors


def test_during_the_drain_delay_new_requests_are_still_served():
    port = free_port()
    with serving_alone(port, NESTPY_APP__DRAIN_DELAY="1") as process:
        url = listening(port, process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert httpx.get(f"{url}/items").status_code == 200
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_request_that_never_ends_is_cut_at_the_deadline_and_cleans_up_before_the_providers():
    port = free_port()
    with serving_alone(port, NESTPY_APP__FINISH_TIMEOUT="0.3") as process:
        slow = Slow(listening(port, process), 600)
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        output, errors = process.communicate(timeout=15)
        assert time.monotonic() - started < 10
        slow.join(5)
    assert (process.returncode, output) == (0, "left\ndestroyed\n")
    assert slow.status == 503
    assert "is cancelled" in errors
    assert "Traceback" not in errors


def test_second_signal_ends_the_process_at_once():
    port = free_port()
    with serving_alone(port) as process:
        Slow(listening(port, process), 600)
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
    assert process.returncode == 128 + signal.SIGTERM


def test_idle_keep_alive_connection_does_not_hold_the_process():
    port = free_port()
    with serving_alone(port) as process, httpx.Client() as client:
        url = listening(port, process)
        assert client.get(f"{url}/items").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=8)
    assert process.returncode == 0, errors


def test_port_in_use_is_named_with_its_setting_and_exits_with_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving_alone(port) as process:
            _, errors = process.communicate(timeout=15)
    assert process.returncode == 1
    assert f"`127.0.0.1:{port}` cannot be bound" in errors
    assert "NESTPY_HTTP__PORT" in errors


def test_two_servers_do_not_share_a_port_silently():
    port = free_port()
    with serving_alone(port) as first:
        listening(port, first)
        with serving_alone(port) as second:
            _, errors = second.communicate(timeout=15)
        assert second.returncode == 1, errors
        assert first.poll() is None

"""Behind haproxy: rolling restarts fail no request, and nothing reaches the app that the proxy has not seen."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nestpy_testing import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.needs("haproxy")]

DIRECTORY = Path(__file__).parent / "behind"
RESTARTS = int(os.environ.get("ROLLING_RESTARTS", "2"))
RATE = 200
"""Requests in a second, over all clients."""
CLIENTS = 8

CONFIGURATION = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  http-reuse safe
frontend front
  bind 127.0.0.1:{front}
  http-request set-header X-Front %[uuid()]
  default_backend back
backend back
  balance roundrobin
  option httpchk GET /ready
  default-server inter 100 fall 2 rise 1
{servers}
"""


class Instance:
    """One process of the app on a port of its own."""

    def __init__(self):
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        environ = {**os.environ, "NESTPY_ENV": "production", "NESTPY_HTTP__PORT": str(self.port)}
        environ["NESTPY_APP__DRAIN_DELAY"] = "1"
        self.process = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=DIRECTORY,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: ask(self.port, "GET", "/ready")[0] == 200)

    def restart(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self.start()

    def end(self):
        self.process.kill()
        self.process.wait()


def until(claim, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if claim():
                return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def ask(port, method, path, body=None):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def behind(tmp_path):
    """Return ``behind(count)``: the port of a haproxy before so many instances, and these."""
    with contextlib.ExitStack() as stack:

        def start(count):
            instances = [Instance() for _ in range(count)]
            for instance in instances:
                stack.callback(instance.end)
            front = free_port()
            servers = "\n".join(f"  server s{one.port} 127.0.0.1:{one.port} check" for one in instances)
            (tmp_path / "haproxy.cfg").write_text(CONFIGURATION.format(front=front, servers=servers))
            proxy = subprocess.Popen(
                ["haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(proxy.wait)
            stack.callback(proxy.kill)
            until(lambda: ask(front, "GET", "/hello")[0] == 200)
            return front, instances

        yield start


class Client:
    """Asks at a steady pace on one kept-alive connection, and counts what fails."""

    def __init__(self, port):
        self.port = port
        self.asked = 0
        self.failed = []
        self.stopping = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        turns = (
            ("GET", "/hello", None, b"hello"),
            ("POST", "/echo", b"body", b"body"),
            ("GET", "/stream", None, b"01234"),
            ("GET", "/slow", None, b"slow"),
        )
        while not self.stopping.wait(CLIENTS / RATE):
            method, path, body, wanted = turns[self.asked % 4]
            self.asked += 1
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                if (answer.status, answer.read()) != (200, wanted):
                    self.failed.append((method, path, answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.failed.append((method, path, repr(error)))
                connection.close()
        connection.close()


@pytest.mark.timeout(60 + 30 * RESTARTS)
def test_no_request_fails_while_instances_are_restarted_one_after_the_other(behind):
    front, instances = behind(2)
    clients = [Client(front) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        for _ in range(RESTARTS):
            for instance in instances:
                instance.restart()
                time.sleep(0.5)  # haproxy sees it ready again
    finally:
        for client in clients:
            client.stopping.set()
        for thread in threads:
            thread.join()
    assert [failure for client in clients for failure in client.failed] == []
    assert sum(client.asked for client in clients) > 100


def smuggle(*headers, body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"):
    lines = [b"POST /echo HTTP/1.1", b"host: a", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


TE = b"transfer-encoding: chunked"
CL = b"content-length: 5"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
VECTORS = {
    "CL.TE": smuggle(b"content-length: 47", TE),
    "TE.CL": smuggle(TE, b"content-length: 4", body=b"26\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    "CL.CL": smuggle(b"content-length: 0", b"content-length: 38", body=HIDDEN),
    "CL.CL the other way": smuggle(b"content-length: 38", b"content-length: 0", body=HIDDEN),
    "CL list": smuggle(b"content-length: 0, 38", body=HIDDEN),
    "CL equal list": smuggle(b"content-length: 5, 5", body=b"12345" + HIDDEN),
    "CL plus": smuggle(b"content-length: +0", body=HIDDEN),
    "CL minus": smuggle(b"content-length: -1", body=HIDDEN),
    "CL hex": smuggle(b"content-length: 0x0", body=HIDDEN),
    "CL space inside": smuggle(b"content-length: 0 38", body=HIDDEN),
    "CL zeros": smuggle(b"content-length: 000", body=HIDDEN),
    "CL huge": smuggle(b"content-length: 18446744073709551616", body=HIDDEN),
    "CL empty": smuggle(b"content-length:", body=HIDDEN),
    "CL space before colon": smuggle(b"content-length : 0", body=HIDDEN),
    "CL tab before colon": smuggle(b"content-length\t: 0", body=HIDDEN),
    "CL folded": smuggle(b"x: y\r\n content-length: 0", body=HIDDEN),
    "CL with NUL": smuggle(b"content-length: 0\x00", body=HIDDEN),
    "CL with vertical tab": smuggle(b"content-length:\x0b0", body=HIDDEN),
    "TE space before colon": smuggle(b"transfer-encoding : chunked", CL),
    "TE tab value": smuggle(b"transfer-encoding:\tchunked", CL),
    "TE vertical tab": smuggle(b"transfer-encoding: \x0bchunked", CL),
    "TE in capitals": smuggle(b"Transfer-Encoding: CHUNKED", CL),
    "TE twice": smuggle(TE, b"transfer-encoding: identity"),
    "TE identity first": smuggle(b"transfer-encoding: identity", TE),
    "TE list": smuggle(b"transfer-encoding: identity, chunked", CL),
    "TE list the other way": smuggle(b"transfer-encoding: chunked, identity", CL),
    "TE unknown": smuggle(b"transfer-encoding: xchunked", CL),
    "TE quoted": smuggle(b'transfer-encoding: "chunked"', CL),
    "TE trailing comma": smuggle(b"transfer-encoding: chunked,", CL),
    "TE with parameter": smuggle(b"transfer-encoding: chunked;q=1", CL),
    "TE folded": smuggle(b"transfer-encoding:\r\n chunked", CL),
    "TE behind a bare line feed": smuggle(b"x: y\ntransfer-encoding: chunked", CL),
    "TE behind a bare return": smuggle(b"x: y\rtransfer-encoding: chunked", CL),
    "TE with underscore": smuggle(b"transfer_encoding: chunked", CL),
    "TE in HTTP/1.0": smuggle(TE).replace(b"HTTP/1.1\r\nhost", b"HTTP/1.0\r\nhost", 1),
    "chunk size with sign": smuggle(TE, body=b"+0\r\n\r\n" + HIDDEN),
    "chunk size with space": smuggle(TE, body=b"0 \r\n\r\n" + HIDDEN),
    "chunk size in hex": smuggle(TE, body=b"0x0\r\n\r\n" + HIDDEN),
    "chunk size too large": smuggle(TE, body=b"10000000000000000\r\n\r\n" + HIDDEN),
    "chunk extension with a line feed": smuggle(TE, body=b"0;a\nb\r\n\r\n" + HIDDEN),
    "chunk ended by a line feed": smuggle(TE, body=b"1\nx\n0\n\n" + HIDDEN),
    "chunk longer than said": smuggle(TE, body=b"1\r\nxx\r\n0\r\n\r\n" + HIDDEN),
    "trailer that frames": smuggle(TE, body=b"0\r\ncontent-length: 38\r\n\r\n" + HIDDEN),
    "body of a GET": b"GET /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 38\r\n\r\n" + HIDDEN,
    "upgrade": smuggle(b"connection: upgrade", b"upgrade: h2c", CL, body=b"12345" + HIDDEN),
    "framing named in Connection": smuggle(b"connection: content-length", b"content-length: 38", body=HIDDEN),
    "expectation": smuggle(b"expect: 100-continue", b"content-length: 0", body=HIDDEN),
    "two requests in a line": b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n" + HIDDEN,
}


def test_nothing_is_smuggled_past_the_proxy(behind):
    front, (instance,) = behind(1)
    for vector in VECTORS.values():
        with socket.create_connection(("127.0.0.1", front), timeout=5) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(vector)
                connection.sendall(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            connection.settimeout(0.3)
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass
    # What hides in a connection to the app comes out with the next request that the proxy sends on it.
    for _ in range(20):
        assert ask(front, "GET", "/hello") == (200, b"hello")
    seen = json.loads(ask(instance.port, "GET", "/seen")[1])
    assert len(VECTORS) >= 40
    assert [each for each in seen["smuggled"] if each != "GET /ready"] == []
    assert seen["forwarded"] > 20

"""Whatever bytes arrive, the server neither ends nor answers with a 500: sixty seconds of it in CI, else twenty.

A failure names its seed: ``FUZZ_SEED=… FUZZ_SECONDS=600`` looks longer. The summary counts what was sent.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest

from nestpy_testing import free_port

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parent / "wire"
SECONDS = float(os.environ.get("FUZZ_SECONDS", "60" if os.environ.get("CI") == "true" else "20"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().getrandbits(32)
THREADS = 24
HUNG = 15.0
"""Seconds after which a connection hangs: time-outs of heads and bodies lie far below."""

TOKENS = [
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"=", b"&", b"?", b"/", b"//", b"/../"),
    *(
        b"%00",
        b"%2f",
        b"%2e%2e",
        b"%",
        b"%zz",
        b"+",
        b"\\",
        b'"',
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b"--",
        b"\xff",
        b"\xc3",
    ),
    *(b"\xf0\x9f\x92\xa9", b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN", b"null", b"true", b'{"a":' * 200),
    *(b"[" * 2000, b"a" * 300, b"A" * 20000, b"\r\nhost: a", b"\r\nhost: b\r\nhost: c", b"HTTP/1.0", b"HTTP/9.9"),
    *(
        b"\r\ncontent-length: 5",
        b"\r\ncontent-length: -1",
        b"\r\ntransfer-encoding: chunked",
        b"\r\nexpect: 100-continue",
    ),
    *(
        b"\r\nconnection: upgrade\r\nupgrade: websocket",
        b"\r\ncontent-encoding: gzip",
        b"\r\naccept-encoding: gzip;q=2",
    ),
    *(
        b"\r\nrange: bytes=0-,-1,5-2",
        b'\r\nif-none-match: "',
        b"\r\nif-modified-since: x",
        b"\r\ncookie: " + b"a=b;" * 500,
    ),
    *(
        b"\r\nforwarded: for=",
        b"\r\norigin: null",
        b"\r\nsec-fetch-site: \xe9",
        b"0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
    ),
]


def corpus():
    from test_wire import on_the_wire

    rows = tomllib.loads((DIRECTORY / "rows.toml").read_text("utf-8"))["row"]
    sent = [on_the_wire(row) for row in rows if row.get("status", 500) < 500]
    requests = [data for data in sent if len(data) < 30_000 and b"/answers/slow" not in data]
    boundary = b"content-type: multipart/form-data; boundary=XX\r\ncontent-length: 89"
    part = b'--XX\r\ncontent-disposition: form-data; name="photo"; filename="a"\r\n\r\nx\r\n--XX--\r\n'
    return [*requests, b"POST /intake/upload HTTP/1.1\r\nhost: localhost\r\n" + boundary + b"\r\n\r\n" + part]


def mutated(source, requests):
    """Return one request, or several in a row, with a few of its bytes changed, doubled, cut or replaced by tokens."""
    data = bytearray(source.choice(requests))
    if source.random() < 0.1:
        data += source.choice(requests)
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        at = source.randrange(len(data) + 1)
        end = min(len(data), at + source.choice((0, 1, 2, 8, 64)))
        kind = source.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = source.randrange(256)
        elif kind == 1:
            data[at:end] = source.choice(TOKENS)
        elif kind == 2:
            data[at:at] = data[at:end] * source.choice((1, 2, 50))
        elif kind == 3:
            del data[at:end]
        else:
            other = source.choice(requests)
            data[at:] = other[source.randrange(len(other)) :]
    return bytes(data)


class Fuzzer:
    """Sends mutated requests from one thread; keeps what must not happen."""

    def __init__(self, port, seed, requests, until):
        self.port = port
        self.source = random.Random(seed)
        self.requests = requests
        self.until = until
        self.sent = 0
        self.answered = 0
        self.faults = []

    def run(self):
        while time.monotonic() < self.until and not self.faults:
            data = mutated(self.source, self.requests)
            begun = time.monotonic()
            try:
                answer = self.ask(data, ends=self.source.random() < 0.3)
            except ConnectionRefusedError as error:
                self.faults.append((repr(error), data))
                return
            self.sent += 1
            self.answered += answer.startswith(b"HTTP/1.")
            if b"HTTP/1.1 500" in answer or b"canary-4c1d" in answer:
                self.faults.append((answer[:300], data))
            if time.monotonic() - begun > HUNG:
                self.faults.append(("it hung", data))

    def ask(self, data, *, ends=False):
        """Send *data*, and end this side of the connection where *ends*; return the beginning of the answer."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HUNG) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
                while received := connection.recv(65536):
                    answer += received
                    connection.settimeout(0.02)
        return answer


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("settings", ["", "strict"])
def test_server_survives_any_bytes_and_never_answers_500(settings, record_property):
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        requests = corpus()
    finally:
        sys.path.remove(str(Path(__file__).parent))
    port = free_port()
    environ = {
        **os.environ,
        "NESTPY_ENV": "test",
        "NESTPY_HTTP__PORT": str(port),
        "NESTPY_HTTP__HOST": "127.0.0.1",
        "NESTPY_HTTP__HEADER_TIMEOUT": "1",
        "NESTPY_HTTP__BODY_TIMEOUT": "1",
        "WIRE_SETTINGS": settings,
    }
    command = [sys.executable, "main.py"]
    with subprocess.Popen(
        command, cwd=DIRECTORY, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.05)
            until = time.monotonic() + SECONDS / 2
            fuzzers = [Fuzzer(port, SEED + number, requests, until) for number in range(THREADS)]
            threads = [threading.Thread(target=fuzzer.run) for fuzzer in fuzzers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            faults = [fault for fuzzer in fuzzers for fault in fuzzer.faults]
            assert not faults, f"FUZZ_SEED={SEED}: {faults[0]}"
            assert process.poll() is None, f"FUZZ_SEED={SEED}: the server has ended"
            assert b"200" in fuzzers[0].ask(
                b"GET /answers/text HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            )
            assert sum(fuzzer.answered for fuzzer in fuzzers) > 100
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            finally:
                process.kill()
    sent, answered = (sum(getattr(one, count) for one in fuzzers) for count in ("sent", "answered"))
    record_property(
        "figure", f"fuzzed {sent:,} requests ({settings or 'default'} settings), {answered:,} answered, 0 faults"
    )

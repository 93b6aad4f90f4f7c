"""Two probes of one server: what a body at its limit costs in memory, and what slow clients take from the others."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import load
from harness.contestants import BENCHMARKS
from harness.machine import Cores
from harness.processes import Server, free_port
from harness.workloads import Exchange

MIB = 1024 * 1024
PLAIN = Exchange("/plaintext", answer=b"Hello World")


@contextlib.contextmanager
def serving(logs: Path, core: int, **environ: str) -> Iterator[Server]:
    """Run the small app of the feature benchmark with NestPy's own defaults."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NESTPY_", "GRANIAN_"))}
    own = {"PORT": str(port), "SETTINGS": json.dumps({}), "NESTPY_ENV": "production", "NESTPY_APP__DRAIN_DELAY": "0"}
    directory = BENCHMARKS / "contestants" / "features"
    server = Server([sys.executable, "main.py"], directory, {**clean, **own, **environ}, port, core, logs / "probe.log")
    try:
        server.start("/plaintext", b"Hello World")
        yield server
    finally:
        server.stop()


# -- memory


def peak(server: Server) -> float:
    """The most resident memory that the process has had, in MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, "the kernel tells no peak"
    return int(found[1]) / 1024


def _post(port: int, path: str, kind: str, body: bytes, count: int) -> list[int]:
    """Send *count* requests that arrive at once: all but the last byte of each, then these; return their statuses."""
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    data = f"{head}connection: close\r\n\r\n".encode() + body
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(count)]
        for client in clients:
            client.sendall(data[:-1])
        for client in clients:
            client.sendall(data[-1:])
        return [int(client.recv(65536).split(b" ", 2)[1]) for client in clients]


@dataclass(frozen=True, slots=True)
class Growth:
    """What requests added to the server's peak.

    Attributes:
        limit: MiB of one body.
        one: MiB that a single request added.
        several: MiB that *count* at once added.
        statuses: of all answers.
    """

    limit: float
    count: int
    one: float
    several: float
    statuses: frozenset[int]


def memory(logs: Path, core: int, count: int) -> dict[str, Growth]:
    """Send bodies at their limits, one and *count* at once; each kind to a server of its own."""
    text = b'{"message":"' + b"x" * (MIB - 14) + b'"}'
    numbers = b"[" + b"1," * (MIB // 2 - 2) + b"1]"
    head = b'--X\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = head + b"x" * (10 * MIB - len(head) - 9) + b"\r\n--X--\r\n"
    kinds = {
        "bytes": ("/raw", "application/octet-stream", b"x" * MIB, count),
        "JSON, one text": ("/messages", "application/json", text, count),
        "JSON, many numbers": ("/numbers", "application/json", numbers, count),
        "a file": ("/upload", "multipart/form-data; boundary=X", form, max(1, count // 10)),
    }
    found = {}
    for name, (path, kind, body, several) in kinds.items():
        with serving(logs, core) as server:
            _post(server.port, path, kind, body[:200], 1)
            before = peak(server)
            statuses = set(_post(server.port, path, kind, body, 1))
            one = peak(server)
            statuses |= set(_post(server.port, path, kind, body, several))
            found[name] = Growth(len(body) / MIB, several, one - before, peak(server) - before, frozenset(statuses))
    return found


# -- slow clients


class SlowClients(threading.Thread):
    """Connections that say next to nothing: heads and bodies byte by byte, and silence."""

    def __init__(self, port: int, *, heads: int, bodies: int, silent: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        begun = {
            b"GET /plaintext HTTP/1.1\r\nhost: a\r\nx-slow: ": heads,
            b"POST /raw HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n{": bodies,
            b"": silent,
        }
        self._beginnings = [data for data, count in begun.items() for _ in range(count)]
        self._stopping = threading.Event()
        self.ready = threading.Event()
        self.reconnected = 0

    def run(self) -> None:
        """Keep all of them open, anew where the server closes one, and feed each a byte a second."""
        selector = selectors.DefaultSelector()
        for data in self._beginnings:
            self._open(selector, data)
        self.ready.set()
        while not self._stopping.is_set():
            for key, _ in selector.select(0.1):
                self._reopen(selector, key)
            for key in list(selector.get_map().values()):
                if key.data:
                    with contextlib.suppress(OSError):
                        key.fileobj.send(b"x")  # type: ignore[union-attr]  # each is a socket
            self._stopping.wait(1)
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # as above
        selector.close()

    def _open(self, selector: selectors.BaseSelector, data: bytes) -> None:
        client = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        client.sendall(data)
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ, data)

    def _reopen(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        selector.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]  # as above
        self._open(selector, key.data)
        self.reconnected += 1

    def stop(self) -> None:
        """Close all connections."""
        self._stopping.set()
        self.join()


@dataclass(frozen=True, slots=True)
class Beside:
    """How a normal client fared beside slow ones, as parts of what it had without them.

    Attributes:
        throughput: 1.0 is all of it.
        p99: 1.0 is as long as before.
        faults: its failed requests.
    """

    throughput: float
    p99: float
    faults: int


def slow_clients(
    program: Path, logs: Path, cores: Cores, *, count: int, seconds: float, rounds: int
) -> Sequence[Beside]:
    """Load the server with and without *count* slow heads, as many slow bodies and a fifth as many silent clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * count)), hard))
    found = []
    with serving(logs, cores.server) as server:
        for _ in range(rounds):
            alone = _load(program, server, cores, seconds)
            slow = SlowClients(server.port, heads=count, bodies=count, silent=count // 5)
            slow.start()
            slow.ready.wait(60)
            time.sleep(0.5)
            try:
                beside = _load(program, server, cores, seconds)
            finally:
                slow.stop()
            part = (beside.requests / beside.seconds) / (alone.requests / alone.seconds)
            found.append(Beside(part, beside.p99 / alone.p99, alone.faults + beside.faults))
            time.sleep(1)
    return found


def _load(program: Path, server: Server, cores: Cores, seconds: float) -> load.Load:
    return load.run(program, PLAIN, port=server.port, connections=16, seconds=seconds, core=cores.load)

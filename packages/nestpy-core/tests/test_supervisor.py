"""Any edge may ask for several processes: core supervises them and knows nothing of what they serve."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.context import ForkContext, ForkProcess

import pytest

from nestpy_core import StartError
from nestpy_core._supervisor import MOST_DEATHS, SLOWEST, WINDOW, Role, Supervisor

MAIN = """
import asyncio, os, socket, sys
from nestpy_core import _supervisor
from nestpy_core import App, hookimpl, module

def say(text):
    os.write(1, f"{text}\\n".encode())

if os.environ.get("HASTY"):
    _supervisor.WINDOW, _supervisor.MOST_DEATHS, _supervisor.SLOWEST = 6.0, 1, 0.0

class Shout:
    name = "shout"
    processes = 2
    shared = None

    def share(self):
        return socket.create_server(("127.0.0.1", 0))

    def adopt(self, shared):
        self.shared = shared

    async def serve(self, serving):
        if os.environ.get("BREAKS") == "always":
            os.abort()
        async def answer(reader, writer):
            word = await reader.readline()
            if word == b"die\\n":
                os._exit(3)
            ready = app._run.status.ready
            writer.write(f"{ready if word == b'ready' + bytes([10]) else os.getpid()}\\n".encode())
            writer.close()
        self.shared.setblocking(False)
        server = await asyncio.start_server(answer, sock=self.shared)
        say(f"serving {self.shared.getsockname()[1]} {os.getpid()}")
        serving.ready()
        await serving.stopping.wait()
        server.close()

class Quiet:
    name = "quiet"

    async def serve(self, serving):
        say(f"quiet {os.getpid()}")
        serving.ready()
        await serving.stopping.wait()

class ShoutEdge:
    def __init__(self, transport):
        self.name = transport.name
        self._transport = transport

    def verify(self):
        return []

    def compile(self, compiler):
        pass

    def transport(self):
        return self._transport

class Plugin:
    def __init__(self, made):
        self.made = made

    @hookimpl
    def nestpy_edge(self, graph):
        return ShoutEdge(self.made())

@module
class AppModule: ...

app = App(AppModule, plugins=[Plugin(Shout), Plugin(Quiet)])

if __name__ == "__main__":
    app.run()
"""


class Started:
    def __init__(self, directory, environ):
        (directory / "main.py").write_text(MAIN)
        self.process = subprocess.Popen(
            [sys.executable, "main.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={**os.environ, "NESTPY_ENV": "test", **environ},
            start_new_session=True,
        )
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    def until(self, claim, seconds=15):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := claim():
                return found
            time.sleep(0.02)
        raise AssertionError("".join(self.lines))

    def words(self, first):
        return [line.split() for line in self.lines if line.startswith(f"{first} ")]

    def ask(self, word="hello"):
        port = int(self.words("serving")[0][1])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{word}\n".encode())
            return connection.recv(64).decode().strip()

    def end(self):
        code = self.process.wait(15)
        self.reader.join(5)
        return code


@pytest.fixture
def start(tmp_path):
    started = []

    def run(**environ):
        started.append(Started(tmp_path, environ))
        return started[-1]

    yield run
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, signal.SIGKILL)
        each.end()
        each.process.stdout.close()


@pytest.mark.e2e
def test_processes_of_a_foreign_edge_share_a_socket_come_back_and_drain(start):
    started = start()
    started.until(lambda: "3 processes serve" in "".join(started.lines))
    pids = {words[2] for words in started.words("serving")}
    assert len(pids) == 2
    assert started.ask() in pids
    assert started.words("quiet")[0][1] not in pids
    assert started.ask("die") == ""
    started.until(lambda: len(started.words("serving")) == 3, 3)
    assert "ended with 3; another starts in 0 s" in "".join(started.lines)
    assert started.ask() in {words[2] for words in started.words("serving")}
    started.process.send_signal(signal.SIGTERM)
    assert started.end() == 0
    with pytest.raises(OSError, match="refused"):
        started.ask()


@pytest.mark.e2e
def test_processes_that_die_all_the_time_keep_calls_away_until_they_stop(start):
    started = start(HASTY="1")
    started.until(lambda: "3 processes serve" in "".join(started.lines))
    assert started.ask("ready") == "True"
    for count in (3, 4):
        assert started.ask("die") == ""
        started.until(lambda count=count: len(started.words("serving")) == count)
    started.until(lambda: [started.ask("ready") for _ in range(8)] == ["False"] * 8)
    assert "shout died 2 times within 6 s" in "".join(started.lines)
    started.until(lambda: [started.ask("ready") for _ in range(8)] == ["True"] * 8)


@pytest.mark.e2e
def test_process_that_dies_of_a_signal_while_it_starts_ends_the_app_with_1(start):
    started = start(BREAKS="always")
    assert started.end() == 1
    assert f"ended with -{int(signal.SIGABRT)} while it started" in "".join(started.lines)


def test_pauses_grow_with_the_deaths_of_the_last_minute():
    role = Role("http", 2, None)
    assert [role.pause(float(second)) for second in range(MOST_DEATHS + 2)] == [0, 0.25, 0.5, 1, 2, SLOWEST, SLOWEST]
    assert role.pause(WINDOW + MOST_DEATHS + 2.0) == 0


def test_a_role_is_failing_while_more_than_five_deaths_lie_within_a_minute():
    role = Role("http", 2, None)
    for second in range(MOST_DEATHS):
        role.pause(float(second))
        assert role.failing_until(float(second)) is None
    role.pause(10.0)
    assert role.failing_until(10.0) == WINDOW
    assert role.failing_until(WINDOW - 1) == WINDOW
    assert role.failing_until(WINDOW) is None


class Full(ForkContext):
    """A machine that has no room for another process when it is asked for these, counted from 0."""

    def __init__(self, *refused):
        super().__init__()
        self.numbers = iter(range(100))
        self.refused = refused

    def Process(self, **given):
        if next(self.numbers) in self.refused:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return ForkProcess(**given)


def die_once_then_end_the_app(mark, shared, line):
    line.ready()
    if not mark.exists():
        mark.touch()
        os._exit(3)
    os.kill(os.getppid(), signal.SIGTERM)
    line._end.recv_bytes()
    os._exit(0)


@pytest.mark.e2e
def test_a_process_that_finds_no_room_is_started_later(tmp_path):
    role = Role("all", 1, tmp_path / "mark")
    assert Supervisor(die_once_then_end_the_app, [role], timeout=5, context=Full(1)).run() == 0
    assert len(role.deaths) == 2


def test_an_app_that_finds_no_room_at_its_start_says_so():
    supervisor = Supervisor(print, [Role("all", 1, None)], timeout=5, context=Full(0))
    with pytest.raises(StartError, match=r"No process could be started for `all`: .* temporarily unavailable"):
        supervisor.run()

"""Several processes serve one port: how they start, come back, roll, drain, and never outlive their parent."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.e2e

COMMANDS = {
    "fork, main.py": (["main.py"], {"METHOD": "fork"}),
    "forkserver, nestpy run": (["-m", "nestpy_core._command", "run", "main:app"], {"METHOD": "forkserver"}),
    "spawn, unguarded and unnamed": (["main.py"], {"METHOD": "spawn", "SHAPE": "unnamed"}),
}


def workers(start_server, command=("main.py",), **environ):
    served = start_server(*command, NESTPY_HTTP__WORKERS="2", **environ)
    served.until(lambda: "3 processes serve" in served.text or served.process.poll() is not None)
    return served


def asking(served, path):
    """Return a thread that asks and is never answered."""

    def ask():
        with contextlib.suppress(httpx.TransportError):
            served.get(path)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def roles(served):
    ticking = set(served.pids("ticks"))
    return set(served.pids("init")) - ticking, ticking


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_processes_are_replaced_and_a_signal_drains_all(start_server, name):
    command, environ = COMMANDS[name]
    served = workers(start_server, command, **environ)
    http, others = roles(served)
    assert (len(http), len(others)) == (2, 1), served.text
    assert served.process.pid not in http | others
    assert served.until(lambda: int(served.get("/pid").text)) in http

    victims = {min(http), *others}
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    served.until(lambda: len(served.pids("init")) == 5 and len(served.pids("ticks")) == 2)
    assert served.get("/pid").status_code == 200

    answers = []
    slow = threading.Thread(target=lambda: answers.append(served.get("/slow?seconds=0.5").text))
    slow.start()
    served.until(lambda: served.pids("began"))
    os.killpg(served.process.pid, signal.SIGTERM)  # as systemd and a terminal do
    assert served.ended() == 0, served.text
    slow.join()
    assert answers == ["finished"]
    assert set(served.pids("destroy")) == set(served.pids("init")) - victims
    assert "Traceback" not in served.text


def test_nothing_outlives_a_killed_parent(start_server):
    served = workers(start_server)
    hung = asking(served, "/thread")
    served.until(lambda: served.pids("began"))
    served.process.kill()
    killed = time.monotonic()
    served.until(lambda: not served.accepts(), 5.0)
    for pid in served.pids("init"):
        served.until(lambda pid=pid: not alive(pid), max(0.1, killed + 6.0 - time.monotonic()))
    hung.join()


def alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.parametrize(("failure", "code"), [("start", 1), ("setting", 78)])
def test_process_that_cannot_start_ends_the_app_with_its_exit_code(start_server, failure, code):
    served = workers(start_server, FAIL=failure)
    assert served.ended() == code
    assert len(served.pids("init")) <= 3, "processes were started again"
    assert ("no database" if failure == "start" else "Setting `db.url` must be set") in served.text


def test_hang_up_replaces_every_process_and_loses_no_request(start_server):
    served = workers(start_server)
    before = set(served.pids("init"))
    served.process.send_signal(signal.SIGHUP)
    answered = []

    def rolled():
        answered.append(served.get("/pid").status_code)
        return len(served.pids("destroy")) == 3

    served.until(rolled)
    assert set(answered) == {200}
    assert int(served.get("/pid").text) not in before
    assert set(served.pids("destroy")) == before
    assert served.end() == 0


def test_second_signal_ends_all_processes_at_once(start_server):
    served = workers(start_server)
    hung = asking(served, "/slow?seconds=600")
    served.until(lambda: served.pids("began"))
    served.process.send_signal(signal.SIGTERM)
    served.until(lambda: not served.accepts())
    assert served.end(signal.SIGINT, 10) == 128 + signal.SIGINT
    hung.join()
    assert not [pid for pid in served.pids("init") if alive(pid)]


def test_signal_while_the_processes_start_ends_them(start_server):
    served = start_server(NESTPY_HTTP__WORKERS="2", FAIL="never")
    served.until(lambda: len(served.pids("init")) == 3)
    assert served.end() == 0, served.text


def test_taken_port_and_late_address_are_named(start_server):
    first = workers(start_server)
    second = start_server(NESTPY_HTTP__WORKERS="2", NESTPY_HTTP__PORT=str(first.port))
    late = start_server(SHAPE="late", NESTPY_HTTP__HOST="")
    assert second.ended() == 1
    assert f"`127.0.0.1:{first.port}` cannot be bound" in second.text
    assert late.ended() == 78
    assert "Setting `http.port` must not come from `for_root_async` with several workers" in late.text
    assert not late.pids("ticks")


class Caller(threading.Thread):
    """A client that keeps its connection and leaves when the server says so, as a balancer does."""

    def __init__(self, served):
        super().__init__()
        self.served = served
        self.answered = 0
        self.failure = None
        self.told = False
        self.start()

    def run(self):
        try:
            with httpx.Client(base_url=self.served.url) as client:
                while not self.told:
                    answer = client.get("/slow?seconds=0.01")
                    assert answer.text == "finished"
                    self.answered += 1
                    self.told = answer.headers.get("connection") == "close"
        except (httpx.HTTPError, AssertionError) as failure:
            self.failure = failure


def test_no_request_under_load_fails_when_the_app_drains(start_server):
    served = workers(start_server, NESTPY_APP__DRAIN_DELAY="1")
    callers = [Caller(served) for _ in range(4)]
    served.until(lambda: all(caller.answered for caller in callers))
    served.process.send_signal(signal.SIGTERM)
    for caller in callers:
        caller.join(10)
    assert [(caller.failure, caller.told) for caller in callers] == [(None, True)] * 4
    assert served.ended() == 0

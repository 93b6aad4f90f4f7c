"""Programs and workers under test are started, killed and restarted, and leave nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from redis import Redis

from nestpy_testing import Faults, ForkServer, History, Program, ServerProcessError, kill_at_random

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HARNESS = Path(__file__).parent / "harness"


@pytest.fixture
def program(unused_port):
    environ = {"NESTPY_HTTP__PORT": str(unused_port), "NESTPY_HTTP__HOST": "127.0.0.1"}
    with Program("main.py", cwd=HARNESS, environ=environ, ready="^up$", port=unused_port) as program:
        program.url = f"http://127.0.0.1:{unused_port}"
        yield program


def gone(pid):
    ends = time.monotonic() + 20
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < ends:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}/exe").exists()


def test_program_is_ready_drains_and_starts_again(program):
    assert httpx.get(f"{program.url}/absent").status_code == 404
    assert (program.terminate(), program.running) == (0, False)
    assert [line for line in program.lines if line in ("up", "down")] == ["up", "down"]
    program.start()
    program.restart()
    assert (program.starts, program.lines.count("up"), program.lines.count("down")) == (3, 3, 2)


def test_killed_program_leaves_no_children(program):
    child = httpx.get(f"{program.url}/child").text
    assert program.kill() == -signal.SIGKILL
    assert gone(child)
    assert "down" not in program.output


def test_children_that_outlive_a_program_are_ended_with_it(program):
    child = httpx.get(f"{program.url}/child").text
    program.terminate()
    assert gone(child)


def test_program_of_a_killed_run_is_ended():
    script = (
        "import os, signal, sys\nfrom nestpy_testing import Program\n"
        "program = Program('-c', 'import time; print(1); time.sleep(600)', ready='1').start()\n"
        "print(program.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert gone(done.stdout.strip())


def test_paused_program_goes_on(program):
    program.send(signal.SIGSTOP)
    with pytest.raises(httpx.TimeoutException):
        httpx.get(program.url, timeout=0.3)
    program.send(signal.SIGCONT)
    assert httpx.get(f"{program.url}/absent", timeout=20).status_code == 404


def test_output_is_waited_for():
    with Program("-c", "import time; print('a'); time.sleep(0.1); print('b 7'); time.sleep(600)") as program:
        assert program.wait_for_line(r"b \d") == "b 7"
        with pytest.raises(ServerProcessError, match=r"has not printed `c` after 0\.1 s:\na\nb 7"):
            program.wait_for_line("c", timeout=0.1)
        with pytest.raises(ServerProcessError, match=r"still runs after 0\.01 s"):
            program.wait(0.01)
        with pytest.raises(ServerProcessError, match="runs already"):
            program.start()


def test_program_that_ends_before_it_is_ready_shows_its_output():
    with pytest.raises(ServerProcessError, match=r"ended with 3:\nno luck"):
        Program("-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)", ready="up").start()
    with pytest.raises(ServerProcessError, match=r"has not been started"):
        Program("-c", "pass").terminate()


def test_programs_are_killed_at_random_and_started_again():
    command = ("-c", "import time; print('up', flush=True); time.sleep(600)")
    with Program(*command, ready="up") as first, Program(*command, ready="up") as second:
        killed = kill_at_random([first, second], 4, numbers=[signal.SIGKILL, signal.SIGTERM], seed=1)
        assert (first.starts, second.starts) == tuple(1 + [hit[1] for hit in killed].count(each) for each in (0, 1))
        assert {hit[2] for hit in killed} <= {-signal.SIGKILL, -signal.SIGTERM}


# -- forks


def test_workers_take_arguments_and_end_with_codes(tmp_path):
    output = tmp_path / "output"
    file = HARNESS / "work.py"
    with ForkServer(f"{file}:speak", output=output) as server:
        assert server.fork("a", "b").wait() == 0
    assert output.read_text() == "a b\nto stderr\n"
    with ForkServer(f"{file}:leave") as server:
        assert server.fork("7").wait() == 7
    with ForkServer(f"{file}:fail", output=output) as server:
        assert server.fork().wait() == 1
    assert "ZeroDivisionError: planted" in output.read_text()
    with ForkServer("time:sleep") as server:
        worker = server.fork("x")
        assert worker.wait() == 1


def test_workers_end_with_their_server():
    with ForkServer(f"{HARNESS / 'work.py'}:careful") as server:
        worker = server.fork("redis://127.0.0.1:1", "/dev/null", "w")
    assert gone(worker.pid)
    with pytest.raises(ServerProcessError, match="does not run"):
        server.fork()


def test_target_that_does_not_import_is_an_error():
    with pytest.raises(ServerProcessError, match="has ended with 1"), ForkServer("no_such_module:function"):
        pass


def test_kills_lose_nothing_where_work_is_given_back_and_the_history_shows_it(redis_url, tmp_path):
    history, redis = History(tmp_path / "history"), Redis.from_url(redis_url)
    with ForkServer(f"{HARNESS / 'work.py'}:careful") as server:
        workers = [server.fork(redis_url, str(history.path), str(number)) for number in range(4)]
        for number in range(2000):
            history.record("sending", str(number))
            redis.rpush("jobs", number)
            history.record("sent", str(number))
        kill_at_random(workers, 60, seed=3)
        ends = time.monotonic() + 60
        while history.check().lost and time.monotonic() < ends:
            time.sleep(0.1)
    history.close()
    report = history.check()
    report.expect_clean()
    assert (report.sent, report.finished) == (2000, 2000)
    redis.close()


def test_worker_that_confirms_too_early_loses_what_it_was_killed_with(redis_url, tmp_path):
    history, redis = History(tmp_path / "history"), Redis.from_url(redis_url)
    for number in range(9):
        history.record("sent", str(number))
        redis.rpush("jobs", number)
    faults = Faults().crash("work.before_effect", at=4)
    with ForkServer(f"{HARNESS / 'work.py'}:careless", environ=faults.environ()) as server:
        worker = server.fork(redis_url, str(history.path), "w")
        assert worker.wait() == -signal.SIGKILL
        worker.start()
        assert worker.wait() == -signal.SIGKILL
        assert worker.start().wait() == 0
    report = history.check()
    assert report.lost == ["3", "7"]
    with pytest.raises(AssertionError, match="2 lost, 0 duplicated") as caught:
        report.expect_clean()
    assert "started 3 by=worker" in str(caught.value)
    redis.close()
    history.close()

"""Fault points interfere when and where a test says, in this process and in children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from nestpy_core import fault
from nestpy_testing import FaultError, Faults, InjectedError
from nestpy_testing._faults import parsed

PROGRAM = """
from nestpy_core import App, fault, module

@module()
class AppModule: ...

App(AppModule)
for step in range(5):
    fault.point(f"job.step{step}")
    print(step, flush=True)
"""


def run(environ):
    variables = {**os.environ, "NESTPY_ENV": "test", **environ}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, check=False)


def test_point_raises_at_its_pass_alone(faults):
    faults.raises("a", at=2).raises("b", OSError("full"), every=True)
    fault.point("a")
    with pytest.raises(InjectedError, match="fault at `a`"):
        fault.point("a")
    fault.point("a")
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            fault.point("b")
    assert faults.passed == ["a", "a", "a", "b", "b"]


def test_point_waits_and_calls(faults):
    called = []
    faults.delays("slow", 0.02).calls("call", called.append, at=1, every=True)
    before = time.monotonic()
    fault.point("slow")
    assert time.monotonic() - before >= 0.02
    fault.point("call")
    fault.point("call")
    assert called == ["call", "call"]


def test_patterns_count_all_points_that_fit(faults):
    faults.raises("job.*", at=3)
    fault.point("job.a")
    fault.point("other")
    fault.point("job.b")
    with pytest.raises(InjectedError, match=r"job\.c"):
        fault.point("job.c")


def test_points_do_nothing_after_the_test():
    with Faults() as faults:
        faults.raises("a", every=True)
    fault.point("a")
    assert faults.passed == []


@pytest.mark.e2e
def test_child_crashes_at_every_step_in_turn():
    for step in range(5):
        done = run(Faults().crash("job.*", at=step + 1).environ())
        assert done.returncode == -signal.SIGKILL
        assert done.stdout.split() == [str(number) for number in range(step)]
    assert run(Faults().crash("job.*", at=6).environ()).returncode == 0


@pytest.mark.e2e
def test_child_raises_exits_and_waits():
    done = run(Faults().exit("job.step0", 3).environ())
    assert (done.returncode, done.stdout) == (3, "")
    done = run(Faults().raises("job.step4", ConnectionError).environ())
    assert done.stderr.rstrip().endswith("ConnectionError")
    assert "Nothing reads" not in done.stderr
    assert run(Faults().delays("job.*", 0.01, every=True).environ()).returncode == 0


@pytest.mark.e2e
def test_child_with_an_unreadable_fault_says_so():
    done = run({"NESTPY_FAULTS": "job.step1=explode"})
    assert done.returncode != 0
    assert "`NESTPY_FAULTS` has `job.step1=explode`, which is no fault." in done.stderr


def test_text_keeps_every_fault():
    faults = Faults().crash("a", at=3).exit("b").raises("c").raises("d", OSError, every=True).delays("e", 0.5, at=2)
    text = faults.environ()["NESTPY_FAULTS"]
    assert text == "a=crash@3;b=exit:70@1;c=raise@1;d=raise:builtins.OSError@1+;e=delay:0.5@2"
    assert parsed(text).environ() == faults.environ()


@pytest.mark.parametrize(
    "text", ["a", "a=crash@x", "a=raise:no.such.Error", "a=raise:os.path", "a=delay:x", "a=delay", "=@", "a=b"]
)
def test_unreadable_text_is_an_error(text):
    with pytest.raises(FaultError, match="which is no fault"):
        parsed(text)


def test_faults_of_this_process_alone_are_not_told_to_a_child():
    with pytest.raises(FaultError) as caught:
        Faults().calls("a", print).environ()
    assert str(caught.value) == (
        "The fault at `a` exists in this process alone.\nHint: give `raises` a class that the child can import"
    )
    with pytest.raises(FaultError, match="counted from 1, and `at` is 0"):
        Faults().crash("a", at=0)

"""A test that needs a program from outside pip is counted where it is absent, and fails where CI must have it."""

import pytest
from workspace import ROOT

pytest_plugins = ["pytester"]

PROGRAM = """
import pytest

@pytest.mark.needs("no-such-program")
def test_absent():
    pass

@pytest.mark.needs("sh")
def test_present():
    pass
"""


@pytest.fixture
def program(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = needs(tool): a program\n")
    pytester.makepyfile(PROGRAM)
    return pytester


def test_an_absent_program_is_one_counted_skip(program: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = program.runpytest("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines("SKIPPED*needs no-such-program, which is not on PATH")


def test_under_ci_it_is_a_failure(program: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    program.runpytest().assert_outcomes(passed=1, errors=1)

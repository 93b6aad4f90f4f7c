"""Every distribution holds itself to what the test kit's guard tests demand."""

from __future__ import annotations

import pytest
from workspace import ROOT

DIRECTORIES = sorted(path.parent for path in [*ROOT.glob("packages/*/src"), *ROOT.glob("examples/plugins/*/src")])


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda directory: directory.name)
def test_every_distribution_runs_the_four_guard_tests(directory):
    text = (directory / "tests" / "test_guards.py").read_text(encoding="utf-8")
    assert "test_guards = guard_tests(Path(__file__).parents[1])" in text

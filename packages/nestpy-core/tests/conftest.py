"""Lets the tests of core import the throw-away edge and boots apps of a test's own providers."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _hook_of_the_interpreter(monkeypatch):
    """A boot error replaces the interpreter's hook for uncaught errors; a test gives it back."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

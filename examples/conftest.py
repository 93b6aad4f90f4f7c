"""What the tests of every example stand on: its own main module."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def main(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """Import the example's main module from its own directory, and forget it after its tests."""
    directory = str(request.path.parents[1])
    sys.path.insert(0, directory)
    try:
        yield importlib.import_module("main")
    finally:
        sys.path.remove(directory)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(Path(directory, ""))):
                del sys.modules[name]

"""What every test of the monorepo stands on: one async backend and the `needs` marker."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop that NestPy supports."""
    return "asyncio"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent; under CI, which installs them all, fail it."""
    absent = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
    if not absent:
        return
    reason = f"needs {', '.join(absent)}, which is not on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)

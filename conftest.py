"""What every test of the monorepo stands on: one async backend, the `needs` marker, an example's main module."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType

import acceptance
import pytest

PASSED = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the names of the tests that pass, for the acceptance rows."""
    config.stash[PASSED] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a test that passed."""
    report = yield
    if report.when == "call" and report.passed:
        item.config.stash[PASSED].add(item.nodeid.partition("[")[0])
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of everything in which an acceptance row went without its proof."""
    config = session.config
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.keyword or config.option.markexpr:
        return
    passed = config.stash[PASSED]
    missing = acceptance.unproven(passed)
    if missing and session.exitstatus == pytest.ExitCode.OK:
        sys.stderr.write("\nAcceptance rows without proof:\n" + "\n".join(f"  {line}" for line in missing) + "\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop that NestPy supports."""
    return "asyncio"


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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent; under CI, which installs them all, fail it."""
    absent = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
    if not absent:
        return
    reason = f"needs {', '.join(absent)}, which is not on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)

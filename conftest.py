"""What every test of the monorepo stands on: one async backend, the `needs` marker, an example's main module."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import acceptance
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from chromium import Page


ABSENT = "which is not on PATH"


class Acceptance:
    """Fails a run of everything in which an acceptance row went without its proof.

    With several workers it stands in the process that collects their reports.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._passed: set[str] = set()
        narrowed = config.option.keyword or config.option.markexpr
        self._counts = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not narrowed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that passed, or whose program is absent: `pytest_runtest_setup` says what that means."""
        absent = report.when == "setup" and report.skipped and ABSENT in str(report.longrepr)
        if absent or (report.when == "call" and report.passed):
            self._passed.add(report.nodeid.partition("[")[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Name the rows without proof."""
        if not self._counts or session.exitstatus != pytest.ExitCode.OK:
            return
        missing = acceptance.unproven(self._passed)
        if missing:
            sys.stderr.write("\nAcceptance rows without proof:\n" + "\n".join(f"  {line}" for line in missing) + "\n")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Figures:
    """Prints at the end what tests counted: ``record_property("figure", "…")``."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what a test recorded."""
        if report.when == "call":
            self._found += [str(value) for name, value in report.user_properties if name == "figure"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print it, a line each."""
        for line in self._found:
            terminalreporter.write_line(line)


# A busy machine is no finding.
settings.register_profile("nestpy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nestpy")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the acceptance rows and collect figures, once for all workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Acceptance(config), "acceptance")
        config.pluginmanager.register(Figures(), "figures")


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


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page in a headless Chromium of its own, which reaches the loopback address alone."""
    from chromium import Page

    with Page(tmp_path) as opened:
        yield opened


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent; under CI, which installs them all, fail it."""
    absent = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
    if not absent:
        return
    reason = f"needs {', '.join(absent)}, {ABSENT}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)

"""Lets what is wrong with an app print as its report when nobody catches it, and end the process with 78."""

from __future__ import annotations

import sys
from types import TracebackType


def report_when_uncaught() -> None:
    """Do so from here on, unless somebody else has a say in what is uncaught."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _print_report


def _print_report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from ._app import EXIT_CONFIGURATION
    from .errors import BootError, DefinitionError, PluginError, Problem

    if isinstance(error, BootError | DefinitionError | PluginError | Problem):
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CONFIGURATION)
    sys.__excepthook__(kind, error, trace)

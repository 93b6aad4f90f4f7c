"""The directory through which the processes of one app share their metrics, as prometheus-client does it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def directory() -> Path | None:
    """Return the directory that the processes share; None where there is one process."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


@contextlib.contextmanager
def shared_directory() -> Iterator[None]:
    """Give the processes that start inside the block a directory, empty at first and gone at the end.

    One that the environment names already is used, emptied of what an earlier run left, and kept.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named or tempfile.mkdtemp(prefix="nestpy-metrics-"))
    path.mkdir(parents=True, exist_ok=True)
    for left in path.glob("*.db"):
        left.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(path)
    try:
        yield
    finally:
        if not named:
            del os.environ[VARIABLE]
            shutil.rmtree(path, ignore_errors=True)


def use_directory() -> None:
    """Let metrics that this process makes from here on stand in the shared directory, if there is one.

    prometheus-client decides so when it is imported, and a forked process has what its parent imported.
    """
    if directory() is None:
        return
    from prometheus_client import values

    chosen: Any = values  # its stubs know no other choice than that of its import
    if not getattr(chosen.ValueClass, "_multiprocess", False):
        chosen.ValueClass = chosen.MultiProcessValue()


def leave_directory() -> None:
    """Take this process's gauges out: what it runs, it runs no more."""
    path = directory()
    if path is not None and "prometheus_client" in sys.modules:
        _forget(path, os.getpid())


def living(path: Path) -> None:
    """Take out the gauges of processes that are gone without a word."""
    for file in path.glob("gauge_live*.db"):
        number = file.stem.rpartition("_")[2]
        if number.isdecimal() and not _lives(int(number)):
            _forget(path, int(number))


def _forget(path: Path, process: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    with contextlib.suppress(OSError):  # another process was faster
        mark_process_dead(process, str(path))  # type: ignore[no-untyped-call]  # the library's own


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

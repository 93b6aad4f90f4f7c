"""A worker's line to its parent: what it is told there, and that the parent lives."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

logger = logging.getLogger("nestpy.supervisor")

ORPHAN = 1.5
"""Seconds that a worker gets when its parent is gone."""


class Line:
    """A worker's line to its parent."""

    def __init__(self, end: connection.Connection[Any, Any]) -> None:
        self._end = end

    def ready(self) -> None:
        """Tell that this process serves."""
        with contextlib.suppress(OSError):
            self._end.send_bytes(b"ready")

    def watch(self, drain: Callable[[float | None], object], hold: Callable[[bool], object]) -> None:
        """Pass on, from a thread, what the parent says; one that is gone ends this process soon, whatever hangs.

        Args:
            drain: called with the seconds to keep serving, None for what the settings say, when this process is to end.
            hold: called with True when processes of the app die all the time, with False when they no longer do.
        """
        threading.Thread(target=self._read, args=(drain, hold), name="nestpy-line", daemon=True).start()

    def _read(self, drain: Callable[[float | None], object], hold: Callable[[bool], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: this process is ending
            while True:
                try:
                    message = self._end.recv_bytes()
                except (EOFError, OSError):
                    break
                if message in (b"hold", b"release"):
                    hold(message == b"hold")
                else:
                    drain(None if message == b"drain" else 0.0)
            logger.error("the parent process is gone")
            drain(0.0)
            time.sleep(ORPHAN)
            os._exit(1)

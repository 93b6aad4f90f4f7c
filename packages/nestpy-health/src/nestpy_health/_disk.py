"""The indicator of a disk that fills up."""

from __future__ import annotations

import os
import shutil

import anyio.to_thread

from .errors import HealthError, UnhealthyError

__all__ = ("DiskIndicator",)


class DiskIndicator:
    """Down when the file system of a path is fuller than it may be, or cannot be asked.

    Args:
        path: any path on the file system.
        max_used: the part that may be used, above 0 and up to 1; reserved blocks count as used.
        min_free_bytes: the bytes that must be free, beside that.
        name: what the answer calls it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = "/",
        *,
        max_used: float = 0.95,
        min_free_bytes: int = 0,
        name: str = "disk",
    ) -> None:
        if not 0 < max_used <= 1:
            raise HealthError(f"`DiskIndicator(max_used={max_used})` must be above 0 and at most 1.")
        self.name = name
        self._path = os.fspath(path)
        self._max_used = max_used
        self._min_free = min_free_bytes

    async def check(self) -> None:
        """Ask the file system, in a thread: one on a network may take its time."""
        usage = await anyio.to_thread.run_sync(shutil.disk_usage, self._path, abandon_on_cancel=True)
        used = 1 - usage.free / usage.total if usage.total else 1.0
        if used > self._max_used or usage.free < self._min_free:
            raise UnhealthyError(f"`{self._path}` is used to {used:.1%}, {usage.free} bytes are free")

"""The indicator of a process that grows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import HealthError, UnhealthyError

__all__ = ("MemoryIndicator",)

STATM = Path("/proc/self/statm")
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class MemoryIndicator:
    """Down when this process holds more memory than it may.

    What counts is the resident set of this process alone: each worker answers for itself. Where there is no
    ``/proc`` it is the largest it has ever been, which never falls again.

    Args:
        max_bytes: the limit; None for *max_used* of what the container, or else the machine, has.
        max_used: that part, above 0 and up to 1.
        name: what the answer calls it.

    Raises:
        HealthError: the arguments make no sense, or this platform cannot tell.
    """

    def __init__(self, *, max_bytes: int | None = None, max_used: float = 0.9, name: str = "memory") -> None:
        if not 0 < max_used <= 1 or (max_bytes is not None and max_bytes <= 0):
            raise HealthError(
                f"`MemoryIndicator(max_bytes={max_bytes}, max_used={max_used})` leaves nothing to use.\n"
                "Hint: give a number of bytes, or a part above 0 and at most 1"
            )
        self.name = name
        self._limit = int(available_bytes() * max_used) if max_bytes is None else max_bytes
        resident_bytes()

    async def check(self) -> None:
        """Compare the resident set with the limit."""
        held = resident_bytes()
        if held > self._limit:
            raise UnhealthyError(f"The process holds {held} bytes of {self._limit}")


def resident_bytes() -> int:
    """Return the bytes of this process that are in memory.

    Raises:
        HealthError: this platform tells neither through ``/proc`` nor through `resource`.
    """
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        raise HealthError("`MemoryIndicator` cannot tell the memory of a process on this platform.") from None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_bytes() -> int:
    """Return what this process could have: the container's limit, or the machine's memory if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else sys.maxsize
    limits = [text for file in CGROUP_LIMITS if file.exists() and (text := file.read_text().strip()).isdecimal()]
    return min([machine, *map(int, limits)])

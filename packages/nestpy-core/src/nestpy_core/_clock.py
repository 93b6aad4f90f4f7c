"""What time it is and how one waits, injected so that a test decides."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

__all__ = ("Clock",)


class Clock:
    """The time of this machine; every app provides one, and a test puts another in its place.

    Whatever is due at a time, waits or expires injects it instead of calling the standard library.
    """

    def now(self) -> datetime:
        """Return the time of day, in UTC. It may jump, forwards and back."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some moment, which never go back: for how long something took."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after *seconds*; zero or less gives the others a turn."""
        await asyncio.sleep(seconds)

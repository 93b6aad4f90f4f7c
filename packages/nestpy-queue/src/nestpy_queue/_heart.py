"""The heartbeat of a worker, from a thread of its own: a handler that blocks the event loop does not look dead.

And what keeps the living from being buried: a store that was away has forgotten who lives.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .errors import StoreUnavailableError

logger = logging.getLogger("nestpy.queue")


class Heart:
    """Beats until it is stopped.

    Args:
        beat: renews the lease; may fail, and is then tried again soon.
        lease: seconds that a beat lasts.

    Attributes:
        alive_until: the time, on the monotonic clock, until which the last beat lasts.
    """

    def __init__(self, beat: Callable[[], None], lease: float) -> None:
        self.alive_until = 0.0
        self._beat = beat
        self._lease = lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nestpy-queue-heart", daemon=True)

    def start(self) -> None:
        """Beat once, so that nobody takes this worker for dead, then regularly.

        Raises:
            StoreUnavailableError: the first beat failed.
        """
        self._once()
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._lease)

    def _once(self) -> None:
        began = time.monotonic()
        self._beat()
        self.alive_until = began + self._lease

    def _run(self) -> None:
        pause = self._lease / 3
        while not self._stop.wait(pause):
            try:
                self._once()
                pause = self._lease / 3
            except StoreUnavailableError:
                pause = min(self._lease / 10, 1.0)
            except Exception:
                logger.exception("the heartbeat of the queue failed")
                pause = min(self._lease / 10, 1.0)


class Truce:
    """After the store was away everybody has one lease to be heard of, before anybody is taken for dead.

    Args:
        lease: seconds that a beat lasts.
    """

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._until = 0.0

    def begin(self) -> None:
        """Begin anew: the store does not answer."""
        self._until = time.monotonic() + self._lease

    @property
    def over(self) -> bool:
        """Whether who is not heard of is dead."""
        return time.monotonic() >= self._until

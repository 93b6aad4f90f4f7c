"""Where the app stands in its life, for whoever tells the outside: probes, load balancers, metrics."""

from __future__ import annotations

from ._provider import injectable

__all__ = ("AppStatus",)


@injectable
class AppStatus:
    """Whether this process of the app has started, is draining, and wants calls; injected everywhere, one per start.

    Attributes:
        started: set once every `on_application_bootstrap` has run.
        serving: set once every transport accepts calls.
        draining: set when the drain begins; calls are still accepted for the drain delay.
    """

    def __init__(self) -> None:
        self.started = False
        self.serving = False
        self.draining = False
        self._held: dict[str, None] = {}

    @property
    def ready(self) -> bool:
        """Whether calls should be sent here: everything serves, no drain has begun and nothing holds it."""
        return self.serving and not self.draining and not self._held

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why `hold` keeps calls away, in order; for the log, never for callers."""
        return tuple(self._held)

    def hold(self, reason: str) -> None:
        """Keep calls away until `release` is told the same *reason*; twice is as good as once."""
        self._held[reason] = None

    def release(self, reason: str) -> None:
        """Take back a `hold`; nothing happens when there was none."""
        self._held.pop(reason, None)

"""Gives the registry of a run to who measures something of its own; loaded only where somebody could ask for it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from ._metrics import Metrics


def registry_of(metrics: Metrics) -> CollectorRegistry:
    """Return the registry that the metrics page reads; one that nobody reads where the page is off."""
    return metrics.registry if metrics.active else CollectorRegistry()

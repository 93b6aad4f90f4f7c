"""The module that brings the probes into an app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nestpy_core import DynamicModule, dynamic, module, provide
from nestpy_core.contracts import HealthIndicator

from ._config import HealthConfig
from ._health import Health

__all__ = ("HealthModule",)


@module(providers=[HealthConfig, Health], shared=True)
class HealthModule:
    """Serves ``/health/live``, ``/health/ready`` and ``/health/startup``; import it once, in the root module."""

    @classmethod
    def for_root(
        cls,
        *,
        indicators: Iterable[HealthIndicator] = (),
        **options: Any,  # the fields of HealthConfig
    ) -> DynamicModule:
        """Pin settings in code, and add ready-made indicators to the readiness probe.

        Args:
            indicators: for instance ``[DiskIndicator("/data"), MemoryIndicator()]``.
            options: any field of `HealthConfig`, for instance ``port=9000``.
        """
        bound = [provide(HealthIndicator, use_value=each, multi=True) for each in indicators]
        return dynamic(cls, providers=bound, settings={HealthConfig: options})

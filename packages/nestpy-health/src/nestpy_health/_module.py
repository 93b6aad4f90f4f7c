"""The module that brings the probes into an app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nestpy_core import DynamicModule, dynamic, module, name_of, provide
from nestpy_core.contracts import HealthIndicator

from ._config import HealthConfig
from ._health import Health
from .errors import HealthError

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

        Raises:
            HealthError: one of them is no indicator.
        """
        bound = [provide(HealthIndicator, use_value=_checked(each), multi=True) for each in indicators]
        return dynamic(cls, providers=bound, settings={HealthConfig: options})


def _checked(given: object) -> object:
    if not isinstance(given, type) and hasattr(given, "name") and callable(getattr(given, "check", None)):
        return given
    raise HealthError(
        f"`HealthModule.for_root` was given `{name_of(given)}`, which is no indicator.\n"
        'Hint: give an instance with a `name` and an `async def check(self)`, for instance `DiskIndicator("/")`'
    )

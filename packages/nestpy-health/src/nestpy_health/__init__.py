"""Liveness, readiness and startup probes from indicators found by type."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import HealthConfig as HealthConfig
    from ._disk import DiskIndicator as DiskIndicator
    from ._endpoint_code import ListenerContext as ListenerContext
    from ._health import Health as Health
    from ._indicator_code import HealthContext as HealthContext
    from ._indicators import indicators as indicators, liveness as liveness, readiness as readiness, startup as startup
    from ._memory import MemoryIndicator as MemoryIndicator
    from ._module import HealthModule as HealthModule
    from ._report import HealthReport as HealthReport, IndicatorReport as IndicatorReport
    from .errors import (
        HealthError as HealthError, IndicatorRefusedError as IndicatorRefusedError, UnhealthyError as UnhealthyError,
    )

__all__ = [
    "DiskIndicator", "Health", "HealthConfig", "HealthContext", "HealthError", "HealthModule", "HealthReport",
    "IndicatorRefusedError", "IndicatorReport", "ListenerContext", "MemoryIndicator", "UnhealthyError", "indicators",
    "liveness", "readiness", "startup",
]

_NAMES_OF_MODULES = {
    "_config": "HealthConfig",
    "_disk": "DiskIndicator",
    "_endpoint_code": "ListenerContext",
    "_health": "Health",
    "_indicator_code": "HealthContext",
    "_indicators": "indicators liveness readiness startup",
    "_memory": "MemoryIndicator",
    "_module": "HealthModule",
    "_report": "HealthReport IndicatorReport",
    "errors": "HealthError IndicatorRefusedError UnhealthyError",
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF_NAME[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__

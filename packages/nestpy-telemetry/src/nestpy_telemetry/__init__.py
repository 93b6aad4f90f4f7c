"""Structured logs, Prometheus metrics and OpenTelemetry traces for every edge."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import TelemetryConfig as TelemetryConfig
    from ._module import TelemetryModule as TelemetryModule
    from .errors import TelemetryError as TelemetryError

__all__ = [
    "TelemetryConfig", "TelemetryError", "TelemetryModule",
]

_NAMES_OF_MODULES = {
    "_config": "TelemetryConfig",
    "_module": "TelemetryModule",
    "errors": "TelemetryError",
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

"""Boot the real graph in a test, with a client for every edge, overrides and fault points."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._app import TestApp as TestApp
    from ._overrides import Override as Override
    from ._ports import free_port as free_port
    from .errors import TestAppError as TestAppError

__all__ = [
    "Override", "TestApp", "TestAppError", "free_port",
]

_NAMES_OF_MODULES = {
    "_app": "TestApp",
    "_overrides": "Override",
    "_ports": "free_port",
    "errors": "TestAppError",
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

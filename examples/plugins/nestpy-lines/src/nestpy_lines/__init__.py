"""Commands over TCP, one line each, as an edge of NestPy."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._answers import Answer as Answer
    from ._client import LinesClient as LinesClient
    from ._context import Line as Line, LinesContext as LinesContext
    from ._decorators import command as command, commands as commands
    from ._module import LinesConfig as LinesConfig, LinesModule as LinesModule

__all__ = [
    "Answer",
    "Line",
    "LinesClient",
    "LinesConfig",
    "LinesContext",
    "LinesModule",
    "command",
    "commands",
]

_NAMES_OF_MODULES = {
    "_answers": "Answer",
    "_client": "LinesClient",
    "_context": "Line LinesContext",
    "_decorators": "command commands",
    "_module": "LinesConfig LinesModule",
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

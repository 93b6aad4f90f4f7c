"""A typed in-process event bus with ordered listeners."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._bus import EventBus as EventBus
    from ._config import EventsConfig as EventsConfig
    from ._context import EventContext as EventContext
    from ._listeners import listeners as listeners, on_event as on_event
    from ._module import EventsModule as EventsModule
    from ._names import EventName as EventName
    from .errors import (
        BusClosedError as BusClosedError, EventNameError as EventNameError, EventTypeError as EventTypeError,
        EventsError as EventsError,
    )

__all__ = [
    "BusClosedError", "EventBus", "EventContext", "EventName", "EventNameError", "EventTypeError", "EventsConfig",
    "EventsError", "EventsModule", "listeners", "on_event",
]

_NAMES_OF_MODULES = {
    "_bus": "EventBus",
    "_config": "EventsConfig",
    "_context": "EventContext",
    "_listeners": "listeners on_event",
    "_module": "EventsModule",
    "_names": "EventName",
    "errors": "BusClosedError EventNameError EventTypeError EventsError",
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

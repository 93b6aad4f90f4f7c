"""Cron, intervals and one-shots: time zones, misfires, overlaps, once per fleet."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._config import ScheduleConfig as ScheduleConfig
    from ._edge import ScheduleEdge as ScheduleEdge
    from ._entry import ScheduleStatus as ScheduleStatus
    from ._module import ScheduleModule as ScheduleModule
    from ._occurrences import MemoryOccurrences as MemoryOccurrences, RedisOccurrences as RedisOccurrences
    from ._presets import CronExpression as CronExpression
    from ._scheduled import (
        Misfire as Misfire, Overlap as Overlap, Policy as Policy, RunAll as RunAll, after as after, cron as cron,
        every as every, rocketry as rocketry, scheduled as scheduled,
    )
    from ._schedules import Schedules as Schedules
    from ._tick import Tick as Tick, TickContext as TickContext
    from ._trigger import Trigger as Trigger
    from .errors import (
        ExpressionError as ExpressionError, ScheduleError as ScheduleError,
        UnknownScheduleError as UnknownScheduleError,
    )

__all__ = [
    "CronExpression", "ExpressionError", "MemoryOccurrences", "Misfire", "Overlap", "Policy", "RedisOccurrences",
    "RunAll", "ScheduleConfig", "ScheduleEdge", "ScheduleError", "ScheduleModule", "ScheduleStatus", "Schedules",
    "Tick", "TickContext", "Trigger", "UnknownScheduleError", "after", "cron", "every", "rocketry", "scheduled",
]

_NAMES_OF_MODULES = {
    "_config": "ScheduleConfig",
    "_edge": "ScheduleEdge",
    "_entry": "ScheduleStatus",
    "_module": "ScheduleModule",
    "_occurrences": "MemoryOccurrences RedisOccurrences",
    "_presets": "CronExpression",
    "_scheduled": "Misfire Overlap Policy RunAll after cron every rocketry scheduled",
    "_schedules": "Schedules",
    "_tick": "Tick TickContext",
    "_trigger": "Trigger",
    "errors": "ExpressionError ScheduleError UnknownScheduleError",
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

"""Boot the real graph in a test, with a client for every edge, overrides and fault points."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._app import StartApp as StartApp, TestApp as TestApp
    from ._fake_clock import FakeClock as FakeClock
    from ._fault_proxy import FaultProxy as FaultProxy, OpenProxy as OpenProxy
    from ._faults import (
        Fault as Fault, Faults as Faults, InjectedError as InjectedError, arm_from_environment as arm_from_environment,
    )
    from ._forks import Fork as Fork, ForkServer as ForkServer
    from ._history import (
        History as History, HistoryEvent as HistoryEvent, HistoryKind as HistoryKind, HistoryReport as HistoryReport,
    )
    from ._log_capture import CapturedLog as CapturedLog, LogCapture as LogCapture
    from ._overrides import Override as Override
    from ._ports import free_port as free_port
    from ._postgres import (
        PostgresProcess as PostgresProcess, PostgresServer as PostgresServer, PrepareDatabase as PrepareDatabase,
        find_postgres as find_postgres,
    )
    from ._program import Killable as Killable, Program as Program, kill_at_random as kill_at_random
    from ._reaper import process_family as process_family
    from ._redis import RedisProcess as RedisProcess, RedisServer as RedisServer, find_redis as find_redis
    from ._server_process import ServerProcess as ServerProcess
    from .errors import (
        FaultError as FaultError, ServerProcessError as ServerProcessError,
        ServerUnavailableError as ServerUnavailableError, TestAppError as TestAppError,
    )

__all__ = [
    "CapturedLog", "FakeClock", "Fault", "FaultError", "FaultProxy", "Faults", "Fork", "ForkServer", "History",
    "HistoryEvent", "HistoryKind", "HistoryReport", "InjectedError", "Killable", "LogCapture", "OpenProxy", "Override",
    "PostgresProcess", "PostgresServer", "PrepareDatabase", "Program", "RedisProcess", "RedisServer", "ServerProcess",
    "ServerProcessError", "ServerUnavailableError", "StartApp", "TestApp", "TestAppError", "arm_from_environment",
    "find_postgres", "find_redis", "free_port", "kill_at_random", "process_family",
]

_NAMES_OF_MODULES = {
    "_app": "StartApp TestApp",
    "_fake_clock": "FakeClock",
    "_fault_proxy": "FaultProxy OpenProxy",
    "_faults": "Fault Faults InjectedError arm_from_environment",
    "_forks": "Fork ForkServer",
    "_history": "History HistoryEvent HistoryKind HistoryReport",
    "_log_capture": "CapturedLog LogCapture",
    "_overrides": "Override",
    "_ports": "free_port",
    "_postgres": "PostgresProcess PostgresServer PrepareDatabase find_postgres",
    "_program": "Killable Program kill_at_random",
    "_reaper": "process_family",
    "_redis": "RedisProcess RedisServer find_redis",
    "_server_process": "ServerProcess",
    "errors": "FaultError ServerProcessError ServerUnavailableError TestAppError",
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

"""Durable jobs on Redis Streams or SQLite that survive killed workers, restarts and deploys."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._actors import ActorCodec as ActorCodec
    from ._admin import QueueAdmin as QueueAdmin
    from ._config import QueueConfig as QueueConfig
    from ._context import JobContext as JobContext, RunningJob as RunningJob
    from ._durability import Durability as Durability
    from ._edge import QueueEdge as QueueEdge
    from ._envelope import CarriedActor as CarriedActor
    from ._health import QueueIndicator as QueueIndicator
    from ._lane import Consumer as Consumer, Lane as Lane
    from ._module import QueueModule as QueueModule
    from ._processor import Backoff as Backoff, process as process, processor as processor
    from ._producers import Producers as Producers
    from ._queue import EnqueuedJob as EnqueuedJob, JobStatus as JobStatus, Priority as Priority, Queue as Queue
    from ._redis import RedisStore as RedisStore
    from ._relay import Relay as Relay
    from ._sqlite import SqliteStore as SqliteStore
    from ._store import (
        Ending as Ending, JobStore as JobStore, Outcome as Outcome, QueueCounts as QueueCounts,
        Reservation as Reservation, Stored as Stored, Submission as Submission, Sweep as Sweep,
    )
    from ._taskiq import TaskiqBroker as TaskiqBroker, TaskiqReceiver as TaskiqReceiver
    from ._types import JobOwner as JobOwner, JobType as JobType, JobTypes as JobTypes
    from ._worker import QueueWorker as QueueWorker
    from .errors import (
        LeaseLostError as LeaseLostError, PayloadError as PayloadError, QueueError as QueueError,
        RetryError as RetryError, StoreUnavailableError as StoreUnavailableError,
        UnrecoverableError as UnrecoverableError,
    )

__all__ = [
    "ActorCodec", "Backoff", "CarriedActor", "Consumer", "Durability", "Ending", "EnqueuedJob", "JobContext",
    "JobOwner", "JobStatus", "JobStore", "JobType", "JobTypes", "Lane", "LeaseLostError", "Outcome", "PayloadError",
    "Priority", "Producers", "Queue", "QueueAdmin", "QueueConfig", "QueueCounts", "QueueEdge", "QueueError",
    "QueueIndicator", "QueueModule", "QueueWorker", "RedisStore", "Relay", "Reservation", "RetryError", "RunningJob",
    "SqliteStore", "StoreUnavailableError", "Stored", "Submission", "Sweep", "TaskiqBroker", "TaskiqReceiver",
    "UnrecoverableError", "process", "processor",
]

_NAMES_OF_MODULES = {
    "_actors": "ActorCodec",
    "_admin": "QueueAdmin",
    "_config": "QueueConfig",
    "_context": "JobContext RunningJob",
    "_durability": "Durability",
    "_edge": "QueueEdge",
    "_envelope": "CarriedActor",
    "_health": "QueueIndicator",
    "_lane": "Consumer Lane",
    "_module": "QueueModule",
    "_processor": "Backoff process processor",
    "_producers": "Producers",
    "_queue": "EnqueuedJob JobStatus Priority Queue",
    "_redis": "RedisStore",
    "_relay": "Relay",
    "_sqlite": "SqliteStore",
    "_store": "Ending JobStore Outcome QueueCounts Reservation Stored Submission Sweep",
    "_taskiq": "TaskiqBroker TaskiqReceiver",
    "_types": "JobOwner JobType JobTypes",
    "_worker": "QueueWorker",
    "errors": "LeaseLostError PayloadError QueueError RetryError StoreUnavailableError UnrecoverableError",
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

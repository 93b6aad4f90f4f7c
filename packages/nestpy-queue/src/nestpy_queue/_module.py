"""The module that brings queues into an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

from nestpy_core import DefinitionError, DynamicModule, dynamic, module, provide, provide_generic
from nestpy_core.contracts import GaugeSource, HealthIndicator

from ._admin import QueueAdmin
from ._config import QueueConfig, url_of
from ._health import QueueGauges, QueueIndicator
from ._processor import check_queue
from ._producers import Producers
from ._queue import Queue
from ._relay import Relay
from ._store import JobStore
from ._types import JobOwner

__all__ = ("QueueModule",)

T = TypeVar("T")


async def open_store(config: QueueConfig) -> AsyncIterator[JobStore]:
    """Open what the settings name, for the life of the app."""
    store = store_of(config)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def store_of(config: QueueConfig) -> JobStore:
    """Return what the settings name; Redis is imported only where it is used.

    Raises:
        ConfigurationError: they name none.
    """
    if config.store == "memory":
        from ._sqlite import SqliteStore

        return SqliteStore(":memory:", keep=config.keep)
    url = url_of(config)
    if url is None:
        from ._sqlite import SqliteStore

        return SqliteStore(config.path, keep=config.keep, synchronous=config.synchronous.upper())
    from ._redis import RedisStore

    return RedisStore(
        url,
        prefix=config.prefix,
        timeout=config.timeout,
        wait_replicas=config.wait_replicas,
        durability=config.durability,
        keep=config.keep,
    )


def make_queue(job: type[T], producers: Producers) -> Queue[T]:
    """Make the queue of one type of job."""
    kind = producers.types.get(job)
    if kind is None:
        raise DefinitionError(f"No queue takes `{job.__name__}`")
    return Queue(kind, producers)


@module(
    providers=[
        QueueConfig,
        Producers,
        QueueAdmin,
        Relay,
        provide(JobStore, use_factory=open_store, default=True),
        provide_generic(Queue, make_queue),
        provide(HealthIndicator, use_class=QueueIndicator, multi=True),
        provide(GaugeSource, use_class=QueueGauges, multi=True),
    ],
    shared=True,
)
class QueueModule:
    """Keeps jobs and runs the processors of the app; import it once, in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of QueueConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `QueueConfig`, for instance ``url="redis://localhost:6379/0"``.
        """
        return dynamic(cls, settings={QueueConfig: options})

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # returns fields of QueueConfig
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `QueueConfig` fields, all but ``work``.
        """
        return dynamic(cls, late={QueueConfig: use_factory}, label="for_root_async")

    @classmethod
    def for_feature(cls, queues: Mapping[type, str]) -> DynamicModule:
        """Say which queues take jobs that another app processes.

        Args:
            queues: the queue's name for each class of jobs.

        Raises:
            DefinitionError: it is no mapping, or one of the names is none.
        """
        if not isinstance(queues, Mapping):
            raise DefinitionError(
                f"`QueueModule.for_feature` takes the queue of each class of jobs, not `{queues}`.\n"
                'Hint: write `QueueModule.for_feature({Transcode: "audio"})`'
            )
        for name in queues.values():
            check_queue(name, "QueueModule.for_feature")
        owner = provide(JobOwner, use_value=JobOwner(dict(queues)), multi=True)
        return dynamic(cls, providers=[owner], label="for_feature")

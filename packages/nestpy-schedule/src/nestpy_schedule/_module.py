"""The module that brings schedules into an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from nestpy_core import DynamicModule, dynamic, module, provide
from nestpy_core.contracts import DurableOccurrences, OccurrenceStore

from ._config import ScheduleConfig, url_of
from ._occurrences import MemoryOccurrences, RedisOccurrences
from ._schedules import Schedules

__all__ = ("ScheduleModule",)


async def open_occurrences(
    config: ScheduleConfig, database: DurableOccurrences | None
) -> AsyncIterator[OccurrenceStore]:
    """Open what the processes agree in, for the life of the app: Redis, else the database, else nothing.

    Raises:
        ConfigurationError: it does not answer; once the app runs, its absence is waited out.
    """
    url = url_of(config)
    if url is None and database is not None:
        await database.prepare()
        yield database
        return
    store: MemoryOccurrences | RedisOccurrences = (
        MemoryOccurrences() if url is None else RedisOccurrences(url, prefix=config.prefix)
    )
    try:
        await store.open()
        yield store
    finally:
        await store.close()


@module(
    providers=[ScheduleConfig, Schedules, provide(OccurrenceStore, use_factory=open_occurrences, default=True)],
    shared=True,
)
class ScheduleModule:
    """Runs the schedules of the app; import it once, in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of ScheduleConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `ScheduleConfig`, for instance ``url="redis://localhost:6379/0"``.
        """
        return dynamic(cls, settings={ScheduleConfig: options})

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # returns fields of ScheduleConfig
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `ScheduleConfig` fields, all but ``run``.
        """
        return dynamic(cls, late={ScheduleConfig: use_factory}, label="for_root_async")

"""The module that brings a database into an app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from piccolo.table import Table

from nestpy_core import (
    AbilitySource,
    DurableOccurrences,
    DynamicModule,
    HealthIndicator,
    Outbox,
    dynamic,
    module,
    provide,
    provide_generic,
)

from ._app_entities import EntitySource
from ._config import OrmConfig
from ._database import Database
from ._health import DatabaseIndicator
from ._migrator import Migrator, SeedSource
from ._occurrences import DatabaseOccurrences
from ._open import open_database
from ._outbox import DatabaseOutbox
from ._repository import Repository
from ._work import CommandWork, QueryWork, TransactionalWork

__all__ = ("OrmModule",)

T = TypeVar("T", bound=Table)


def repository(entity: type[T], database: Database, abilities: AbilitySource | None = None) -> Repository[T]:
    """Make the repository of one entity."""
    return Repository(entity, database, abilities)


@module(
    providers=[
        OrmConfig,
        QueryWork,
        CommandWork,
        TransactionalWork,
        Migrator,
        provide(Database, use_factory=open_database),
        provide(HealthIndicator, use_class=DatabaseIndicator, multi=True),
        provide(Outbox, use_class=DatabaseOutbox, default=True),
        provide(DurableOccurrences, use_class=DatabaseOccurrences, default=True),
        provide_generic(Repository, repository),
    ],
    shared=True,
)
class OrmModule:
    """Gives repositories, units of work, migrations and seeds; import it once, in the root module."""

    @classmethod
    def for_root(
        cls,
        *,
        seeds: Iterable[Callable[..., Any]] = (),
        entities: Iterable[type[Table]] = (),
        **options: Any,  # see below
    ) -> DynamicModule:
        """Pin settings in code; only the real environment (``DATABASE_URL``) is stronger.

        Args:
            seeds: async functions that fill an empty database and may run again; they are given the `Database`.
            entities: those that no repository and no handler is about, for ``nestpy db new --entities``.
            options: any field of `OrmConfig`, for instance ``url="sqlite:///app.db"``.
        """
        sources = [provide(SeedSource, use_value=SeedSource(seed), multi=True, order=n) for n, seed in enumerate(seeds)]
        sources += [provide(EntitySource, use_value=EntitySource(entity), multi=True) for entity in entities]
        return dynamic(cls, settings={OrmConfig: options}, providers=sources)

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # as in core
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `OrmConfig` fields.
        """
        return dynamic(cls, late={OrmConfig: use_factory}, label="for_root_async")

"""Opens the app's database before anything needs it, and closes it last."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ._config import OrmConfig
from ._database import Database
from ._migrator import Migrator, SeedSource


async def open_database(config: OrmConfig, seeds: list[SeedSource] | None = None) -> AsyncIterator[Database]:
    """Open the app's database, and close it when the app has drained."""
    database = Database(config)
    await database.open()
    try:
        if config.auto_migrate:
            migrator = Migrator(database=database, seeds=seeds)
            await migrator.up()
            if seeds:
                await migrator.seed()
        yield database
    finally:
        await database.close()

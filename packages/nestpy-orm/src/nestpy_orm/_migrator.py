"""Runs migrations and seeds: each command is one transaction, and one process at a time."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from nestpy_core import Record, injectable, name_of

from ._database import Database
from ._entity import entity_of
from ._migration_files import Migration, read_folder
from ._statement import Statement
from .errors import MigrationError, QueryTimeoutError, SeedError

if TYPE_CHECKING:
    from piccolo.table import Table

__all__ = ("Migrator", "SeedSource", "ensure")

LEDGER = "nestpy_migrations"
_LOCK = 0x6E657374
_PATIENCE = 60.0


class SeedSource(Record, frozen=True):
    """One seed of the app, as `OrmModule.for_root` was given it."""

    run: Callable[..., Any]


class MigrationState(Record, frozen=True):
    """One line of the status.

    Attributes:
        name: of the migration.
        applied: when it ran; empty where it has not.
        missing: whether its file is gone.
    """

    name: str
    applied: str = ""
    missing: bool = False


@injectable
class Migrator:
    """Migrates and seeds the app's database; ``nestpy db`` and tests use it.

    A command runs in one transaction, which either database rolls back as a whole: after a failure the schema is what
    it was. A second process that runs one waits up to a minute for the first.
    """

    database: Database
    seeds: list[SeedSource] | None = None

    @property
    def folder(self) -> Path:
        """Where migrations lie."""
        return Path(self.database.config.migrations)

    async def up(self, to: str | None = None) -> list[str]:
        """Run what has not run yet, in order, and return its names.

        Args:
            to: the last one to run; None for all.

        Raises:
            MigrationError: there is no such migration, or one of them failed; then none of them counts.
        """
        migrations = read_folder(self.folder)
        if to is not None and to not in {migration.name for migration in migrations}:
            raise MigrationError(f"There is no migration `{to}` in `{self.folder}`.")
        async with self._exclusive():
            applied = await self._applied()
            return await self._run_up([one for one in migrations if one.name not in applied], to)

    async def _run_up(self, pending: Sequence[Migration], to: str | None) -> list[str]:
        done = []
        for migration in pending:
            if to is not None and migration.name > to:
                break
            await migration.run("up", self.database)
            statement = Statement(self.database.dialect)
            values = f"({statement.value(migration.name)}, {statement.value(dt.datetime.now(dt.UTC).isoformat())})"
            await self.database.execute(f"INSERT INTO {LEDGER} (name, applied) VALUES {values}", statement.arguments)
            done.append(migration.name)
        return done

    async def down(self, steps: int = 1) -> list[str]:
        """Undo the last *steps* migrations, the latest first, and return their names."""
        async with self._exclusive():
            applied = sorted(await self._applied(), reverse=True)
            return await self._run_down(applied[:steps])

    async def reset(self) -> list[str]:
        """Undo every migration, the latest first."""
        async with self._exclusive():
            return await self._run_down(sorted(await self._applied(), reverse=True))

    async def _run_down(self, names: Sequence[str]) -> list[str]:
        known = {migration.name: migration for migration in read_folder(self.folder)}
        for name in names:
            if name not in known:
                raise MigrationError(f"The migration `{name}` has run, and its file is not in `{self.folder}`.")
            await known[name].run("down", self.database)
            statement = Statement(self.database.dialect)
            sql = f"DELETE FROM {LEDGER} WHERE name = {statement.value(name)}"
            await self.database.execute(sql, statement.arguments)
        return list(names)

    async def fresh(self) -> list[str]:
        """Drop every table and run every migration."""
        async with self._exclusive():
            await self._drop_everything()
            await self._create_ledger()
            return await self._run_up(read_folder(self.folder), None)

    async def status(self) -> list[MigrationState]:
        """Return every migration, those that have run with their time, in order."""
        async with self._exclusive():
            applied = await self._applied()
        names = {migration.name for migration in read_folder(self.folder)}
        return [
            MigrationState(name, applied.get(name, ""), name not in names) for name in sorted(names | applied.keys())
        ]

    async def seed(self) -> list[str]:
        """Run every seed of the app in one transaction and return their names; each must bear to run again.

        Raises:
            SeedError: the app has none, or one failed; then none of them counts.
        """
        if not self.seeds:
            raise SeedError("The app has no seeds.\nHint: write `OrmModule.for_root(seeds=[seed])`")
        async with self._exclusive():
            for source in self.seeds:
                try:
                    await source.run(self.database)
                except Exception as error:
                    raise SeedError(f"The seed `{name_of(source.run)}` failed: {type(error).__name__}") from error
        return [name_of(source.run) for source in self.seeds]

    # -- one at a time

    @contextlib.asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Hold the transaction that no other runner of this database may hold at the same time."""
        async with self.database.transaction():
            await self._lock()
            await self._create_ledger()
            yield

    async def _lock(self) -> None:
        if self.database.dialect == "postgres":
            settings = {"statement_timeout": 0, "idle_in_transaction_session_timeout": 0, "lock_timeout": 60_000}
            for name, value in settings.items():
                await self.database.execute(f"SET LOCAL {name} = {value}")
            await self.database.fetch(f"SELECT pg_advisory_xact_lock({_LOCK})", write=True)
            return
        with anyio.move_on_after(_PATIENCE):
            while True:
                try:
                    await self.database.fetch("SELECT 1", write=True)  # begins, and so locks the file
                except QueryTimeoutError:
                    await anyio.sleep(0.05)
                else:
                    self.database.lift_limits()
                    return
        raise MigrationError("Somebody else has held the database for a minute.")

    async def _create_ledger(self) -> None:
        await self.database.execute(
            f"CREATE TABLE IF NOT EXISTS {LEDGER} (name VARCHAR(255) PRIMARY KEY, applied VARCHAR(40) NOT NULL)"
        )

    async def _applied(self) -> dict[str, str]:
        rows = await self.database.fetch(f"SELECT name, applied FROM {LEDGER}")
        return {row[0]: row[1] for row in rows}

    async def _drop_everything(self) -> None:
        postgres = self.database.dialect == "postgres"
        listing = (
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            if postgres
            else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        if not postgres:
            await self.database.execute("PRAGMA defer_foreign_keys = ON")
        for (name,) in await self.database.fetch(listing, write=True):
            await self.database.execute(f'DROP TABLE IF EXISTS "{name}"{" CASCADE" if postgres else ""}')


async def ensure(database: Database, entity: type[Table], *rows: Mapping[str, Any]) -> int:
    """Insert those of *rows* whose primary key (or other unique value) is not there yet; seeds that run again use it.

    Returns:
        How many were inserted.
    """
    known = entity_of(entity)
    inserted = 0
    for row in rows:
        stored = known.new_values(row)
        statement = Statement(database.dialect)
        columns = ", ".join(f'"{known.fields[name].column}"' for name in stored)
        marks = ", ".join(statement.value(value) for value in stored.values())
        sql = f"INSERT INTO {known.table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        inserted += await database.execute(sql, statement.arguments)
    return inserted

"""Grants each occurrence of a schedule to one process: core's occurrence store, in two tables."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from nestpy_core import injectable

from ._database import Database

__all__ = ("DatabaseOccurrences",)

_PRUNE = 3600.0

_TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS nestpy_occurrences (key TEXT NOT NULL, due BIGINT NOT NULL,"
        " keep_until DOUBLE PRECISION NOT NULL, holder TEXT NOT NULL, held_until DOUBLE PRECISION NOT NULL,"
        " PRIMARY KEY (key, due))"
    ),
    "CREATE INDEX IF NOT EXISTS nestpy_occurrences_open ON nestpy_occurrences (key, due) WHERE holder <> ''",
    (
        "CREATE TABLE IF NOT EXISTS nestpy_holds (key TEXT PRIMARY KEY, holder TEXT NOT NULL,"
        " held_until DOUBLE PRECISION NOT NULL)"
    ),
)
_NOW = {
    # The database's own clock, which all processes share.
    "postgres": "extract(epoch FROM clock_timestamp())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


@injectable
class DatabaseOccurrences:
    """Keeps claims in ``nestpy_occurrences`` and who runs in ``nestpy_holds``, made when schedules first need them."""

    database: Database

    shared = True

    async def prepare(self) -> None:
        """Make the tables."""
        for statement in _TABLES:
            await self._run(statement)

    async def claim(self, key: str, due: datetime, *, keep: float, holder: str = "", lease: float = 0.0) -> bool:
        """Insert the occurrence; whoever comes second finds it there."""
        await self._prune()
        statement = (
            "INSERT INTO nestpy_occurrences (key, due, keep_until, holder, held_until)"
            f" VALUES (?, ?, {self._now} + ?, ?, {self._now} + ?) ON CONFLICT DO NOTHING RETURNING key"
        )
        return bool(await self._run(statement, key, _micros(due), keep, holder, lease))

    async def renew(self, key: str, due: datetime, holder: str, *, lease: float) -> bool:
        """Let the lease of an open occurrence begin anew."""
        return await self._change(f"held_until = {self._now} + ?", lease, key, _micros(due), holder)

    async def settle(self, key: str, due: datetime, holder: str) -> bool:
        """Leave the occurrence without a holder."""
        return await self._change("holder = ?", "", key, _micros(due), holder)

    async def _change(self, change: str, *values: str | float) -> bool:
        owned = "key = ? AND due = ? AND holder = ?"
        return bool(await self._run(f"UPDATE nestpy_occurrences SET {change} WHERE {owned} RETURNING key", *values))

    async def take_over(self, key: str, holder: str, *, lease: float) -> datetime | None:
        """Give the oldest open occurrence whose lease is over to another holder."""
        over = f"holder <> '' AND held_until <= {self._now}"
        found = await self._run(
            f"UPDATE nestpy_occurrences SET holder = ?, held_until = {self._now} + ? WHERE key = ? AND {over} AND due ="
            f" (SELECT MIN(due) FROM nestpy_occurrences WHERE key = ? AND {over}) RETURNING due",
            *(holder, lease, key, key),
        )
        return _time(found[0][0]) if found else None

    async def latest(self, key: str) -> datetime | None:
        """Return the latest occurrence that was claimed."""
        ((found,),) = await self._run("SELECT MAX(due) FROM nestpy_occurrences WHERE key = ?", key)
        return None if found is None else _time(found)

    async def hold(self, key: str, holder: str, *, lease: float) -> bool:
        """Take the row of *key*, unless it is somebody else's whose lease is not over."""
        statement = (
            f"INSERT INTO nestpy_holds (key, holder, held_until) VALUES (?, ?, {self._now} + ?)"
            " ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until"
            f" WHERE nestpy_holds.holder = excluded.holder OR nestpy_holds.held_until <= {self._now} RETURNING key"
        )
        return bool(await self._run(statement, key, holder, lease))

    async def free(self, key: str, holder: str) -> None:
        """Delete the row."""
        await self._run("DELETE FROM nestpy_holds WHERE key = ? AND holder = ?", key, holder)

    async def _prune(self) -> None:
        # The last one of a schedule stays: it says where to go on.
        if time.monotonic() - self.__dict__.get("_pruned", -_PRUNE) < _PRUNE:
            return
        self.__dict__["_pruned"] = time.monotonic()
        later = "SELECT 1 FROM nestpy_occurrences later WHERE later.key = nestpy_occurrences.key"
        await self._run(
            f"DELETE FROM nestpy_occurrences WHERE keep_until <= {self._now} AND held_until <= {self._now}"
            f" AND EXISTS ({later} AND later.due > nestpy_occurrences.due)"
        )

    @property
    def _now(self) -> str:
        return _NOW[self.database.dialect]

    async def _run(self, statement: str, *values: str | float) -> list[tuple[Any, ...]]:  # whatever the columns hold
        if self.database.dialect == "postgres":
            first, *rest = statement.split("?")
            statement = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        return [tuple(row) for row in await self.database.fetch(statement, values, write=True)]


def _micros(due: datetime) -> int:
    return round(due.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(int(micros) / 1_000_000, UTC)

"""Messages and marks in the same transaction as the rows they belong to: core's outbox, in two tables."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nestpy_core import OutboxMessage, injectable

from ._database import Database
from .errors import OrmError

__all__ = ("DatabaseOutbox",)

_POSTGRES = (
    (
        "CREATE TABLE IF NOT EXISTS nestpy_outbox (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload BYTEA NOT NULL)"
    ),
    "CREATE TABLE IF NOT EXISTS nestpy_marks (key TEXT PRIMARY KEY, marked_at DOUBLE PRECISION NOT NULL)",
)
_SQLITE = (
    (
        "CREATE TABLE IF NOT EXISTS nestpy_outbox (number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, payload BLOB NOT NULL)"
    ),
    "CREATE TABLE IF NOT EXISTS nestpy_marks (key TEXT PRIMARY KEY, marked_at REAL NOT NULL)",
)


@injectable
class DatabaseOutbox:
    """Keeps messages in ``nestpy_outbox`` and marks in ``nestpy_marks``, made when something first needs them."""

    database: Database

    async def prepare(self) -> None:
        """Make both tables."""
        for statement in _POSTGRES if self.database.dialect == "postgres" else _SQLITE:
            await self.database.fetch(statement, write=True)

    async def enlist(self, topic: str, payload: bytes, *, id: str) -> bool:  # noqa: A002  # as its protocol
        """Insert a message in the transaction of the unit of work."""
        unit = self.database.unit
        if unit is None or unit.ended or unit.mode == "query":
            return False
        statement = f"INSERT INTO nestpy_outbox (id, topic, payload) VALUES ({self._places(3)})"  # places
        await self.database.fetch(statement, (id, topic, payload), write=True)
        return True

    async def pending(self, topic: str, limit: int) -> Sequence[OutboxMessage]:
        """Return the oldest messages."""
        first, second = self._places(2).split(", ")
        statement = f"SELECT id, payload FROM nestpy_outbox WHERE topic = {first} ORDER BY number LIMIT {second}"
        rows = await self.database.fetch(statement, (topic, limit))
        return [OutboxMessage(str(row[0]), bytes(row[1])) for row in rows]

    async def settle(self, ids: Sequence[str]) -> None:
        """Delete messages."""
        if ids:
            statement = f"DELETE FROM nestpy_outbox WHERE id IN ({self._places(len(ids))})"  # places
            await self.database.fetch(statement, tuple(ids), write=True)

    async def mark(self, key: str) -> bool:
        """Insert a mark in the transaction of the unit of work.

        Raises:
            OrmError: no unit of work runs that may write.
        """
        unit = self.database.unit
        if unit is None or unit.ended or unit.mode == "query":
            raise OrmError("What is done once must be done in a transaction, and none runs.")
        statement = (
            f"INSERT INTO nestpy_marks (key, marked_at) VALUES ({self._places(2)})"  # places
            " ON CONFLICT DO NOTHING RETURNING key"
        )
        return bool(await self.database.fetch(statement, (key, time.time()), write=True))

    async def prune(self, older_than: float) -> None:
        """Delete old marks."""
        statement = f"DELETE FROM nestpy_marks WHERE marked_at < {self._places(1)}"  # places
        await self.database.fetch(statement, (time.time() - older_than,), write=True)

    def _places(self, count: int) -> str:
        if self.database.dialect == "postgres":
            return ", ".join(f"${number}" for number in range(1, count + 1))
        return ", ".join("?" * count)

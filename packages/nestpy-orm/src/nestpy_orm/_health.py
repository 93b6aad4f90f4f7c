"""Tells the readiness probe whether the database answers."""

from __future__ import annotations

from nestpy_core import injectable

from ._database import Database

__all__ = ("DatabaseIndicator",)


@injectable
class DatabaseIndicator:
    """Healthy while the database answers a statement through the pool."""

    database: Database

    name = "database"

    async def check(self) -> None:
        """Run one statement."""
        await self.database.fetch("SELECT 1")

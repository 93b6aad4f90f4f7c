"""What a driver gives the rest of the package: connections of one database, however it is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Literal, Protocol

UNMIGRATED = "\nHint: run the migrations that have not run yet: `nestpy db up TARGET`"
"""Said where a table or a column is not there."""

Isolation = Literal["read committed", "repeatable read", "serializable"]
Row = Sequence[Any]  # of one value for each selected column


class Connection(Protocol):
    """One connection; never used by two tasks at once."""

    def fetch(self, sql: str, arguments: Sequence[Any]) -> Awaitable[Sequence[Row]]:
        """Run one statement and return its rows."""
        ...

    async def fetch_named(self, sql: str, arguments: Sequence[Any]) -> list[dict[str, Any]]:
        """Run one statement and return its rows by column name."""
        ...

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        """Run one statement and return how many rows it touched."""
        ...

    async def script(self, sql: str) -> None:
        """Run one or several statements without arguments."""
        ...

    async def begin(self, isolation: Isolation | None) -> None:
        """Begin a transaction that may write."""
        ...

    async def commit(self) -> None:
        """Keep what was done since `begin`."""
        ...

    async def rollback(self) -> None:
        """Undo what was done since `begin`."""
        ...

    def stream(self, sql: str, arguments: Sequence[Any], size: int) -> AsyncIterator[Sequence[Row]]:
        """Run one statement and yield its rows, at most *size* at a time."""
        ...


class Driver(Protocol):
    """The connections of one database."""

    @property
    def dialect(self) -> Literal["postgres", "sqlite"]:
        """Whose SQL it speaks."""
        ...

    async def open(self) -> None:
        """Open what the app needs to start.

        Raises:
            ConfigurationError: the database cannot be opened.
        """
        ...

    async def close(self) -> None:
        """Close every connection, by force once the time for it is over."""
        ...

    def take(self) -> Any:  # a Connection
        """Return a connection that is free at this moment, or None: then `acquire` waits for one, or opens it."""
        ...

    async def acquire(self, *, write: bool) -> Any:  # a Connection
        """Return a connection that nobody else uses.

        Raises:
            PoolTimeoutError: none became free in time.
            DatabaseUnavailableError: none could be opened.
        """
        ...

    def release(self, connection: Any) -> None:
        """Give a connection back, outside any transaction."""
        ...

    def abandon(self, connection: Any) -> None:
        """Give a connection back in whatever state it is: undone in the background, or replaced."""
        ...

    def translate(self, error: BaseException) -> Exception | None:
        """Return the error of this package for one of the driver's; None for any other."""
        ...

"""Reads the URL of a database, and never repeats it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote, urlsplit

from nestpy_core import Record
from nestpy_core.errors import ConfigurationError

Dialect = Literal["postgres", "sqlite"]

_HINTS = (
    "set `DATABASE_URL` to `postgresql://user:password@host/database` or `sqlite:///file.db`",
    'or write `OrmModule.for_root(url="sqlite:///file.db")`',
)


class Target(Record, frozen=True):
    """What a URL names.

    Attributes:
        dialect: whose SQL it speaks.
        dsn: the whole URL, for a server.
        path: the file, for SQLite; empty for a database in memory.
    """

    dialect: Dialect
    dsn: str = ""
    path: str = ""


def read_url(url: str) -> Target:
    """Return what *url* names.

    Raises:
        ConfigurationError: it names no database that this package serves. The text does not hold the URL.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        return _server(url)
    if separator and scheme == "sqlite":
        path = rest.removeprefix("/")
        return Target("sqlite", path="" if path in ("", ":memory:") else unquote(path))
    raise ConfigurationError("orm.url", "must be the URL of a PostgreSQL or SQLite database.", hints=_HINTS)


def _server(url: str) -> Target:
    try:
        parts = urlsplit(url)
        complete = bool(parts.path.strip("/")) and (parts.port is None or parts.port > 0)
    except ValueError:
        complete = False
    if not complete:
        raise ConfigurationError("orm.url", "must name a server and a database.", hints=_HINTS)
    return Target("postgres", dsn=url)


def unreachable(error: BaseException) -> ConfigurationError:
    """Return the error of a database that did not open at start, told by the kind of failure alone."""
    return ConfigurationError(
        "orm.url",
        f"must be that of a database that can be opened, and opening it failed with `{type(error).__name__}`.",
        hints=("start the database, or correct `DATABASE_URL`",),
    )

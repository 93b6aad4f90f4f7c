"""The settings of a database."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nestpy_core import Secret, config, setting

__all__ = ("OrmConfig",)


@config("orm")
class OrmConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which database the app uses, and how long anything of it may take.

    Attributes:
        url: ``postgresql://user:password@host/database``, ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
            ``sqlite://:memory:``, which is private to the app. Never logged.
        pool_size: connections to PostgreSQL; for SQLite the readers beside the one writer.
        pool_timeout: seconds to wait for a free connection; then the answer is 503.
        connect_timeout: seconds to open a connection.
        statement_timeout: seconds that one statement may take; then the answer is 504.
        lock_timeout: seconds that one statement may wait for a lock.
        idle_timeout: seconds that a transaction may stand without a statement before PostgreSQL ends it.
        close_timeout: seconds that connections are given to end when the app drains.
        page_limit: the rows of a page that does not say how many.
        max_page_limit: the most rows of a page.
        cursor_secret: the key that cursors are signed with; by default one that is derived from the URL.
        migrations: the folder of migrations, relative to the working directory.
        auto_migrate: whether the app migrates (and seeds, if empty) when it starts; meant for development.
    """

    url: Annotated[Secret[str], setting(alias="DATABASE_URL")]
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    pool_timeout: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    connect_timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    statement_timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    lock_timeout: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    idle_timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    close_timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    page_limit: Annotated[int, msgspec.Meta(ge=1)] = 20
    max_page_limit: Annotated[int, msgspec.Meta(ge=1)] = 100
    cursor_secret: Secret[str] = Secret("")
    migrations: str = "migrations"
    auto_migrate: bool = False

    @classmethod
    def of(cls, url: str, **settings: Any) -> OrmConfig:  # the fields above
        """Return settings for scripts and tests: ``Database(OrmConfig.of("sqlite://:memory:"))``."""
        return cls(url=Secret(url), **settings)

"""Stands where piccolo expects a table's engine, and leads each query to the database that runs it.

piccolo keeps one engine per table class, or finds one through a global configuration module. Two apps of one process
may hold one entity in two databases, so that the class cannot know: this engine is a constant that asks the context.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from piccolo.query import Count, Exists, Objects, Select, TableExists
from piccolo.query.methods import objects, select
from piccolo.querystring import QueryString

from .errors import EntityError

if TYPE_CHECKING:
    from piccolo.columns import ForeignKey
    from piccolo.engine.base import Engine
    from piccolo.table import Table

    from ._database import Database

_READS = (Select, Objects, Count, Exists, TableExists)
_WRAPPED_READS = (objects.First, objects.Get, select.First, select.SelectList, select.SelectJSON)
_DATABASE: ContextVar[Database | None] = ContextVar("nestpy_orm_database", default=None)
_WRITES: ContextVar[bool] = ContextVar("nestpy_orm_writes", default=True)


class BoundEngine:
    """What piccolo asks of an engine, answered by the database that the context names."""

    log_queries = log_responses = False

    @property
    def engine_type(self) -> str:
        """Whose SQL piccolo is to write; any will do for the default of a key that the database counts up."""
        database = _DATABASE.get()
        return "postgres" if database is None else database.dialect

    @property
    def database(self) -> Database:
        """The database that the context names.

        Raises:
            EntityError: none; the query was awaited by itself.
        """
        database = _DATABASE.get()
        if database is None:
            raise EntityError(
                "A query of piccolo does not say which database it is for.\n"
                "Hint: inject `Database` and write `await database.run(query)`, or use a `Repository`"
            )
        return database

    def get_version_sync(self) -> float:
        """Tell piccolo that SQLite knows ``RETURNING`` and ``ON CONFLICT``."""
        return 3.35

    def transform_response_to_dicts(self, results: Any) -> list[dict[str, Any]]:
        """Return what `run_querystring` has made."""
        return cast("list[dict[str, Any]]", results)

    async def run_querystring(self, querystring: QueryString, *, in_pool: bool = True) -> list[dict[str, Any]]:
        """Run what piccolo has written."""
        del in_pool
        database = self.database
        sql, arguments = querystring.compile_string(engine_type=database.dialect)
        return await database.fetch_named(sql, arguments, write=_WRITES.get())

    async def batch(self, *_: Any, **__: Any) -> None:
        """Refuse: rows come in batches from `Repository.stream`."""
        raise EntityError("piccolo's batches hold a connection.\nHint: use `Repository.stream`")


BOUND = BoundEngine()


def bind(entity: type[Table]) -> None:
    """Let a table, and those that it refers to, be served by whichever database runs the query.

    Raises:
        EntityError: somebody gave the table an engine of its own.
    """
    meta = entity._meta  # piccolo keeps a table's columns nowhere else
    if meta._db is cast("Engine[Any]", BOUND):
        return
    if meta._db is not None:
        raise EntityError(
            f"`{entity.__name__}` has an engine of its own.\n"
            "Hint: remove `db=` from its class line; the app's database serves it"
        )
    meta.db = cast("Engine[Any]", BOUND)
    for column in meta.foreign_key_columns:
        bind(referenced(column))


def referenced(column: ForeignKey[Any]) -> type[Table]:
    """Return the table that a foreign key refers to."""
    return column._foreign_key_meta.resolved_references  # as above


@contextlib.contextmanager
def bound_to(database: Database, *, write: bool = True) -> Iterator[None]:
    """Let piccolo write SQL for *database*, and run it there."""
    token, writes = _DATABASE.set(database), _WRITES.set(write)
    try:
        yield
    finally:
        _WRITES.reset(writes)
        _DATABASE.reset(token)


def writes(query: object) -> bool:
    """Return whether a query of piccolo may change anything."""
    while isinstance(query, _WRAPPED_READS):
        query = query.query
    return not isinstance(query, _READS) or (getattr(query, "lock_rows_delegate", None) is not None and _locks(query))


def _locks(query: Any) -> bool:
    return getattr(query.lock_rows_delegate, "_lock_rows", None) is not None


def compiled(database: Database, combinable: Any, arguments: list[Any]) -> str:
    """Return the SQL of one of piccolo's conditions, and append its values to *arguments*."""
    with bound_to(database):
        querystring: QueryString = combinable.querystring_for_update_and_delete
        return placed(querystring, database.dialect, arguments)


def placed(querystring: QueryString, dialect: str, arguments: list[Any]) -> str:
    """Return the text of a querystring whose placeholders go on from those of *arguments*."""
    values: list[Any] = []
    _, fragments, _ = querystring.bundle(start_index=len(arguments) + 1, bundled=[], combined_args=values)
    arguments.extend(values)
    marks = (("" if one.no_arg else f"${one.index}" if dialect == "postgres" else "?") for one in fragments)
    return "".join(one.prefix + mark for one, mark in zip(fragments, marks, strict=True))


def template_of(sql: str, dialect: str, arguments: Sequence[Any]) -> str:
    """Return SQL with ``{}`` for each argument in a dialect's own placeholders."""
    return placed(QueryString(sql, *arguments), dialect, [])

"""Writes the tables of entities as SQL, for migrations and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from piccolo.columns import ForeignKey

from ._engine import bound_to
from ._entity import Field, entity_of

if TYPE_CHECKING:
    from piccolo.table import Table

    from ._database import Database

__all__ = ("create_table", "table_sql")

Dialect = Literal["postgres", "sqlite"]


class _Dialect:
    """What piccolo asks of a database when it names a column's type."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect


async def create_table(database: Database, entity: type[Table]) -> None:
    """Create the table of an entity with its indexes; tests and first migrations do so."""
    for statement in table_sql(entity, database.dialect):
        await database.execute(statement)


def table_sql(entity: type[Table], dialect: Dialect) -> list[str]:
    """Return the statements that create the table of an entity with its constraints, and its indexes.

    Defaults are the application's: no column has one in the database, so that a new row never differs by who makes it.
    """
    known = entity_of(entity)
    with bound_to(cast("Database", _Dialect(dialect))):
        lines = [_column(field) for field in known.fields.values()]
    lines += [f'CONSTRAINT "{one._meta.name}" {one.ddl}' for one in _constraints(entity)]
    statements = ["CREATE TABLE {} (\n  {}\n)".format(known.table, ",\n  ".join(lines))]
    for field in known.fields.values():
        meta = field.source._meta
        if meta.index:
            name = f"{entity._meta.tablename}_{field.column}"
            statements.append(f'CREATE INDEX "{name}" ON {known.table} ("{field.column}")')
    return statements


def _constraints(entity: type[Table]) -> Sequence[Any]:
    """Return piccolo's `Unique` and `Check`, which came with its 1.36."""
    return getattr(entity._meta, "constraints", ())


def _column(field: Field) -> str:
    column = field.source
    meta = column._meta
    words = [f'"{field.column}"', column.column_type]
    words += ["PRIMARY KEY"] if meta.primary_key else []
    words += ["UNIQUE"] if meta.unique and not meta.primary_key else []
    words += [] if meta.null else ["NOT NULL"]
    if isinstance(column, ForeignKey):
        words.append(_reference(column))
    return " ".join(words)


def _reference(column: ForeignKey[Any]) -> str:
    meta = column._foreign_key_meta
    target = meta.resolved_references._meta.get_formatted_tablename()
    key = meta.resolved_target_column._meta.db_column_name
    return f'REFERENCES {target} ("{key}") ON DELETE {meta.on_delete.value} ON UPDATE {meta.on_update.value}'

"""Compares entities with the tables of a database, and writes the migration that makes those which are not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nestpy_core import Record

from ._entity import entity_of
from ._tables import Dialect, table_sql
from .errors import MigrationError

if TYPE_CHECKING:
    from piccolo.table import Table

    from ._database import Database


class Comparison(Record, frozen=True):
    """What a database lacks of the tables that entities have.

    Attributes:
        missing: the entities without a table, each behind those that it refers to.
        lacking: for each table that is there, the columns that it has not; tables that lack none are left out.
    """

    missing: tuple[type[Table], ...]
    lacking: Mapping[str, tuple[str, ...]]


async def compare(database: Database, entities: Iterable[type[Table]]) -> Comparison:
    """Compare the tables of a database with those of *entities*; types and constraints are not looked at.

    Raises:
        MigrationError: tables that are not there refer to each other, or two entities are of one of them.
    """
    missing: list[type[Table]] = []
    lacking: dict[str, tuple[str, ...]] = {}
    for entity in entities:
        held = await _columns(database, entity)
        wanted = [field.column for field in entity_of(entity).fields.values()]
        absent = tuple(name for name in wanted if _folded(name, database) not in held)
        if not held:
            missing.append(entity)
        elif absent:
            table = entity._meta.tablename
            lacking[table] = tuple(dict.fromkeys((*lacking.get(table, ()), *absent)))
    return Comparison(tuple(_ordered(missing)), lacking)


async def _columns(database: Database, entity: type[Table]) -> frozenset[str]:
    """Return the columns of an entity's table as statements would find it; none where it is not there."""
    if database.dialect == "postgres":
        sql = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
        rows = await database.fetch(sql, [entity_of(entity).table])
    else:
        rows = await database.fetch("SELECT name FROM pragma_table_xinfo(?)", [entity._meta.tablename])
    return frozenset(_folded(row[0], database) for row in rows)


def _folded(column: str, database: Database) -> str:
    """Return a column's name as it is compared: SQLite takes upper and lower case for the same."""
    return column if database.dialect == "postgres" else column.lower()


def _ordered(entities: Sequence[type[Table]]) -> list[type[Table]]:
    tables: dict[str, type[Table]] = {}
    for entity in entities:
        other = tables.setdefault(entity_of(entity).table, entity)
        if other is not entity:
            raise MigrationError(
                f"`{other.__name__}` and `{entity.__name__}` are of one table, `{entity._meta.tablename}`, and it is "
                "not there.\nHint: write its migration by hand, from `table_sql` of the one that has every column"
            )
    placed: list[type[Table]] = []
    for entity in entities:
        _place(entity, entities, placed, {})
    return placed


def _place(
    entity: type[Table], entities: Sequence[type[Table]], placed: list[type[Table]], path: dict[type[Table], str]
) -> None:
    """Append an entity behind those that it refers to; *path* holds who asks for it, each with its foreign key."""
    if entity in placed:
        return
    if entity in path:
        asking = list(path.items())[list(path).index(entity) :]
        drawn = " → ".join([*(f"`{one.__name__}.{key}`" for one, key in asking), f"`{entity.__name__}`"])
        raise MigrationError(
            f"Tables that are not there refer to each other: {drawn}, so that none of them can be made first.\n"
            "Hint: write their migration by hand, from `table_sql`: make one without its `REFERENCES`, and add that "
            "with `ALTER TABLE` behind the others; SQLite takes the statements as they are, in any order"
        )
    for field in entity_of(entity).fields.values():
        if field.target in entities and field.target is not entity and field.target is not None:
            _place(field.target, entities, placed, {**path, entity: field.name})
    placed.append(entity)


def migration_text(entities: Sequence[type[Table]], dialect: Dialect) -> str:
    """Return the migration that makes the tables of *entities* in this order, and drops them in the other one.

    Its part says whose SQL it is, unless both databases take the same.
    """
    made, elsewhere = (
        [statement for entity in entities for statement in table_sql(entity, one)]
        for one in (dialect, "sqlite" if dialect == "postgres" else "postgres")
    )
    heading = "-- up" if made == elsewhere else f"-- up {dialect}"
    dropped = "\n".join(f"DROP TABLE {entity_of(entity).table};" for entity in reversed(entities))
    return "\n".join([heading, ";\n\n".join(made) + ";", "", "-- down", dropped, ""])

"""Compiles core's condition trees to SQL, with the meaning that `Compare` gives them on both databases.

piccolo's own conditions know no negation and refuse an empty list of values; these are written without them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from piccolo.columns import Timestamptz

from nestpy_core import All, AnyOf, Compare, Never, Not

from ._entity import Entity, Field, entity_of
from ._statement import Statement
from .errors import EntityError, InvalidFieldError

_OPERATORS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
TRUE, FALSE, UNKNOWN = "TRUE", "FALSE", "CAST(NULL AS BOOLEAN)"


def condition_sql(condition: Any, entity: Entity, statement: Statement) -> str:
    """Return SQL that is true for exactly the rows of *entity* that *condition* holds for.

    Args:
        condition: a tree of core's nodes.
        entity: whose rows; fields are qualified with its table.
        statement: takes in the values.

    Raises:
        EntityError: a node, a field or an operator that is not known; whoever asked must refuse.
    """
    if isinstance(condition, Never):
        return FALSE
    if isinstance(condition, Compare):
        return _compare(condition, entity, statement)
    if isinstance(condition, Not):
        return f"(NOT {condition_sql(condition.condition, entity, statement)})"
    if isinstance(condition, All | AnyOf):
        parts = [condition_sql(each, entity, statement) for each in condition.conditions]
        word, empty = (" AND ", TRUE) if isinstance(condition, All) else (" OR ", FALSE)
        return f"({word.join(parts)})" if parts else empty
    name = (
        entity.key.name if len(entity.fields) == 1 else next(each for each in entity.fields if each != entity.key.name)
    )
    raise EntityError(
        f"A condition on `{entity.label}` has a node of type `{type(condition).__name__}`, which is unknown.\n"
        f'Hint: write `{entity.label}.{name} == …`, or core\'s `Compare("{name}", "eq", …)`'
    )


def fields_in(condition: Any) -> frozenset[str]:
    """Return the fields of the entity itself that a condition reads."""
    if isinstance(condition, Compare):
        return frozenset((condition.field.partition(".")[0],))
    if isinstance(condition, Not):
        return fields_in(condition.condition)
    return frozenset().union(*map(fields_in, getattr(condition, "conditions", ())))


def leads_on(condition: Any) -> bool:
    """Say whether a condition reads fields of other entities, through those that refer to them."""
    if isinstance(condition, Compare):
        return "." in condition.field
    inner = (condition.condition,) if isinstance(condition, Not) else getattr(condition, "conditions", ())
    return any(map(leads_on, inner))


def _compare(condition: Compare, entity: Entity, statement: Statement) -> str:
    sql, field = _path(condition.field, entity, statement)
    value, operator = condition.value, condition.operator
    if operator == "is_null":
        return f"({sql} IS {'NULL' if value else 'NOT NULL'})"
    try:
        if operator == "in":
            return _within(sql, field, value, statement)
        stored = _stored(field, value)
    except InvalidFieldError as error:
        raise EntityError(
            f"A condition compares `{entity.label}.{condition.field}` with a value of type `{type(value).__name__}`.\n"
            f"Hint: it holds `{field.kind.__name__}`"
        ) from error
    if operator not in _OPERATORS:
        raise EntityError(
            f"A condition on `{entity.label}.{condition.field}` has the operator `{operator}`, which is unknown."
        )
    if stored is None:
        return UNKNOWN
    return f"({sql}{_collation(field, statement)} {_OPERATORS[operator]} {statement.value(stored)})"


def _collation(field: Field, statement: Statement) -> str:
    """Return what makes PostgreSQL compare texts by code point, as SQLite does."""
    return ' COLLATE "C"' if statement.dialect == "postgres" and field.kind is str else ""


def _within(sql: str, field: Field, values: Any, statement: Statement) -> str:
    """Return membership; nothing is a member of an empty list, for which SQL has no words."""
    stored = [_stored(field, value) for value in values]
    if not stored:
        return FALSE
    listed = ", ".join("NULL" if value is None else statement.value(value) for value in stored)
    return f"({sql} IN ({listed}))"


def _stored(field: Field, value: Any) -> Any:
    """Return what a value is compared as; a moment with an offset is compared with no column that has none."""
    stored = field.stored(value)
    if isinstance(stored, dt.datetime) and (stored.tzinfo is None) is isinstance(field.source, Timestamptz):
        raise InvalidFieldError(field.name, "Expected the other kind of moment", code="type")
    return stored


def _path(path: str, entity: Entity, statement: Statement) -> tuple[str, Field]:
    """Return the SQL of ``author.org_id``: a subquery per step, so that a missing row counts as None."""
    first, _, rest = path.partition(".")
    field = entity.field(first)
    if not rest:
        return field.sql, field
    return _followed(field.sql, field, rest, entity, statement)


def _followed(sql: str, field: Field, rest: str, entity: Entity, statement: Statement) -> tuple[str, Field]:
    if field.target is None:
        raise EntityError(
            f"`{entity.label}.{field.name}` refers to no other entity, so `{field.name}.{rest}` is nothing."
        )
    target = entity_of(field.target)
    alias = statement.alias()
    name, _, further = rest.partition(".")
    found = target.field(name)
    inner = f'"{alias}"."{found.column}"'
    last = found
    if further:
        inner, last = _followed(inner, found, further, target, statement)
    meta: Any = field.source
    key = meta._foreign_key_meta.resolved_target_column._meta.db_column_name  # piccolo says it nowhere else
    return f'(SELECT {inner} FROM {target.table} AS "{alias}" WHERE "{alias}"."{key}" = {sql})', last

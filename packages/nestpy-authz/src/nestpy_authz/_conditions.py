"""The words that rules are written in: fields with a value or an operator, joined and negated."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import math
import uuid
from collections.abc import Iterable
from typing import Any, Literal

from nestpy_core.contracts import All, AnyOf, Compare, Condition, Never, Not

from .errors import RuleError

__all__ = (
    "Operator",
    "Related",
    "all_of",
    "any_of",
    "gt",
    "gte",
    "is_in",
    "is_not_null",
    "is_null",
    "lt",
    "lte",
    "ne",
    "not_",
    "related",
    "where",
)

Name = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "is_null"]

SCALARS = (
    bool,
    int,
    float,
    str,
    bytes,
    decimal.Decimal,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    uuid.UUID,
)
NODES = (Compare, All, AnyOf, Not, Never)


@dataclasses.dataclass(frozen=True, slots=True)
class Operator:
    """What a field is held against; the functions below make them."""

    name: Name
    value: Any  # whatever the field holds


@dataclasses.dataclass(frozen=True, slots=True)
class Related:
    """Conditions on the entity that a field refers to."""

    fields: dict[str, Any]  # a value, an operator or another `Related` for each field


def ne(value: object) -> Operator:
    """Another value than this one; a field that is null is neither equal nor unequal to anything."""
    return Operator("ne", value)


def lt(value: object) -> Operator:
    """Less than *value*; texts by code point."""
    return Operator("lt", value)


def lte(value: object) -> Operator:
    """At most *value*."""
    return Operator("lte", value)


def gt(value: object) -> Operator:
    """Greater than *value*."""
    return Operator("gt", value)


def gte(value: object) -> Operator:
    """At least *value*."""
    return Operator("gte", value)


def is_in(values: Iterable[object]) -> Operator:
    """One of *values*; never, when there are none."""
    return Operator("in", values)


def is_null() -> Operator:
    """No value at all."""
    return Operator("is_null", True)  # the operator's operand


def is_not_null() -> Operator:
    """Any value."""
    return Operator("is_null", False)  # the operator's operand


def related(**fields: object) -> Related:
    """Conditions on the entity that a field refers to: ``author=related(org_id=actor.org_id)``."""
    return Related(fields)


def where(**fields: object) -> Condition:
    """Every field holds its value, or what its operator says.

    Comparisons are SQL's: a null on either side makes one unknown, and what is unknown grants nothing and denies.
    ``where(owner=None)`` therefore never holds; write ``where(owner=is_null())`` for rows without an owner.

    Raises:
        RuleError: a value that no column holds.
    """
    return _joined([condition_on(name, wanted) for name, wanted in fields.items()])


def all_of(*conditions: Condition) -> Condition:
    """Every one of *conditions* holds."""
    return All(_checked(conditions))


def any_of(*conditions: Condition) -> Condition:
    """At least one of *conditions* holds."""
    return AnyOf(_checked(conditions))


def not_(condition: Condition) -> Condition:
    """*condition* is known not to hold: where it is unknown, because of a null, neither does this."""
    return Not(*_checked((condition,)))


def conjunction(conditions: Iterable[object], fields: dict[str, object]) -> Condition:
    """Return the condition of one rule, from what it was given by position and by keyword."""
    given = list(_checked(conditions))
    return _joined([*given, *(condition_on(name, wanted) for name, wanted in fields.items())])


def _joined(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else All(tuple(conditions))


def _checked(conditions: Iterable[object]) -> tuple[Condition, ...]:
    found = tuple(conditions)
    for condition in found:
        if not isinstance(condition, NODES):
            raise RuleError(
                f"A rule takes conditions, not `{condition!r}`.\n"
                f"Hint: write `where(field=value)`, or a method of the factory that is marked with `@predicate`"
            )
    return found


def condition_on(path: str, wanted: object) -> Condition:
    """Return the condition that a field, by its path, holds a value or what an operator says."""
    if isinstance(wanted, Related):
        return _joined([condition_on(f"{path}.{name}", inner) for name, inner in wanted.fields.items()])
    if isinstance(wanted, Operator):
        value = tuple(wanted.value) if wanted.name == "in" else wanted.value
        return Compare(path, wanted.name, _operand(path, value))
    return Compare(path, "eq", _operand(path, wanted))


def _operand(path: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_operand(path, item) for item in value)
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or (isinstance(value, SCALARS) and _is_storable(value)):
        return value
    raise RuleError(
        f"A rule compares `{path}` with {value!r}, which no column holds.\n"
        f"Hint: compare it with text, bytes, a number, a date, a time, a UUID or None, or write `is_in([…])`"
    )


def _is_storable(value: object) -> bool:
    if isinstance(value, float | decimal.Decimal):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not (isinstance(value, str) and "\0" in value)

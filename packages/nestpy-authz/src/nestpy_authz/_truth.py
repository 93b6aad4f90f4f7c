"""Compiles a condition to a Python function that gives the answers SQL gives, nulls included."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import enum
import keyword
import math
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from nestpy_core.contracts import All, AnyOf, Compare, Condition, Never, Not

from .errors import RuleError

Test = Callable[[Any], Any]
Choose = Callable[[Any], int]
KeyOf = Callable[[Any], Any]

_SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "gte", "gte": "lt", "gt": "lte", "lte": "gt"}
_PLAIN = (bool, int, str, bytes)
"""Types of which two values of the same class always compare as SQL compares them."""


Tested = tuple[Condition, Test | None]
"""A condition, and what Python decides beside it."""


def chooser(
    spared: Sequence[Tested],
    groups: Sequence[Sequence[Tested]],
    hiding: Sequence[Sequence[Tested]],
    key_of: KeyOf,
) -> Choose:
    """Return what says of an instance which groups are about it: one bit for each, from the lowest.

    When called it raises whatever reading the instance raises, and RuleError where two values cannot be compared.

    Args:
        spared: no bit is set unless each of these is known not to hold.
        groups: a bit is set when any of its conditions is known to hold.
        hiding: a bit, above those of *groups*, is set unless all of its conditions are known not to hold.
        key_of: the primary key of an entity that a field holds instead.
    """
    writer = _Writer(key_of)
    bits = [f"({1 << number} if {writer.any(group)} else 0)" for number, group in enumerate(groups)]
    bits += [f"(0 if {writer.none(group)} else {1 << number})" for number, group in enumerate(hiding, len(groups))]
    return writer.function(f"({' + '.join(bits) or '0'}) if {writer.none(spared)} else 0")


class NotLoadedError(RuleError):
    """What a rule needs to know of an instance stands in a related entity that is not loaded."""


class _Writer:
    """Writes one expression; what is unknown is neither known to hold nor known not to, so two values suffice."""

    def __init__(self, key_of: KeyOf) -> None:
        self.names: dict[str, Any] = {"compare": compare, "member": member, "read": read_path, "key_of": key_of}

    def function(self, expression: str) -> Choose:
        """Return what evaluates an expression for a row."""
        return FunctionType(_code(f"lambda row: {expression}"), {**self.names, "__builtins__": {}}, "choose")

    def any(self, several: Sequence[Tested]) -> str:
        """Write that any of several is known to hold."""
        parts = [
            self._known(condition, wanted=True)
            if test is None
            else f"({self._known(condition, wanted=True)} and {self._name(test)}(row) is True)"
            for condition, test in several
        ]
        return "True" if "True" in parts else f"({' or '.join(parts) or 'False'})"

    def none(self, several: Sequence[Tested]) -> str:
        """Write that each of several is known not to hold."""
        parts = [
            self._known(condition, wanted=False)
            if test is None
            else f"({self._known(condition, wanted=False)} or {self._name(test)}(row) is False)"
            for condition, test in several
        ]
        return f"({' and '.join(parts) or 'True'})"

    def _known(self, condition: Condition, *, wanted: bool) -> str:
        if isinstance(condition, Compare):
            return self._compare(condition, wanted=wanted)
        if isinstance(condition, All):
            return self._several(condition.conditions, "and" if wanted else "or", wanted=wanted)
        if isinstance(condition, AnyOf):
            return self._several(condition.conditions, "or" if wanted else "and", wanted=wanted)
        if isinstance(condition, Not):
            return self._known(condition.condition, wanted=not wanted)
        if isinstance(condition, Never):
            return str(not wanted)
        raise RuleError(f"A rule holds `{condition!r}`, which is no condition")

    def _several(self, conditions: tuple[Condition, ...], word: str, *, wanted: bool) -> str:
        if not conditions:
            return str(word == "and")
        return "(" + f" {word} ".join(self._known(one, wanted=wanted) for one in conditions) + ")"

    def _compare(self, condition: Compare, *, wanted: bool) -> str:
        value = self._read(condition.field)
        if condition.operator == "is_null":
            return f"({value} is {'' if bool(condition.value) is wanted else 'not '}None)"
        operand = self._name(condition.value)
        if condition.operator == "in":
            return f"(member({value}, {operand}, key_of) is {wanted})"
        if condition.value is None:
            return f"({value} is None and False)"  # never known, and an error where the field is missing
        if condition.operator not in _SYMBOLS:
            raise RuleError(f"A rule compares `{condition.field}` by `{condition.operator}`, which is no operator")
        operator = condition.operator if wanted else _OPPOSITE[condition.operator]
        slow = f"compare({value}, {operand}, {operator!r}, key_of)"
        if condition.value.__class__ not in _PLAIN:
            return slow
        kind = self._name(condition.value.__class__)
        return (
            f"(found {_SYMBOLS[operator]} {operand} if (found := {value}).__class__ is {kind} "
            f"else compare(found, {operand}, {operator!r}, key_of))"
        )

    def _read(self, path: str) -> str:
        if "." in path:
            return f"read(row, {self._name(tuple(path.split('.')))})"
        if path.isidentifier() and path.isascii() and not keyword.iskeyword(path):
            return f"row.{path}"
        return f"read(row, {self._name((path,))})"

    def _name(self, value: Any) -> str:
        name = f"value_{len(self.names)}"
        self.names[name] = value
        return name


@lru_cache(maxsize=4096)
def _code(source: str) -> CodeType:
    """Compile once for each shape: abilities of one kind differ in their values alone."""
    return compile(source, "nestpy:condition", "eval").co_consts[0]  # type: ignore[no-any-return]  # of the lambda


def read_path(row: Any, path: tuple[str, ...]) -> Any:
    """Read a field, through the entities that are referred to; beyond an absent one everything is null.

    Raises:
        NotLoadedError: the entity that a field refers to is not loaded.
    """
    value = row
    for position, name in enumerate(path):
        if value is None:
            return None
        if position and isinstance(value, _FAMILIES):
            raise NotLoadedError(
                f"A rule needs `{'.'.join(path)}`, and `{path[position - 1]}` is not loaded.\n"
                f"Hint: prefetch it, or read the rows through their repository"
            )
        value = getattr(value, name)
    return value


def compare(found: Any, wanted: Any, operator: str, key_of: KeyOf) -> bool:
    """Say whether a comparison is known to hold; *wanted* is not None.

    Raises:
        RuleError: the two are of types that no database compares.
    """
    if found is None:
        return False
    if isinstance(found, enum.Enum):
        found = found.value
    order = _order(found if isinstance(found, _FAMILIES) else key_of(found), wanted)
    if operator == "eq":
        return order == 0
    if operator == "ne":
        return order != 0
    if operator == "lt":
        return order < 0
    if operator == "lte":
        return order <= 0
    return order > 0 if operator == "gt" else order >= 0


def member(found: Any, wanted: tuple[Any, ...], key_of: KeyOf) -> bool | None:
    """Say whether a value is one of several: None where that is unknown."""
    if not wanted:
        return False
    if found is None:
        return None
    if any(compare(found, value, "eq", key_of) for value in wanted if value is not None):
        return True
    return None if None in wanted else False


def _order(found: Any, wanted: Any) -> int:
    """Return -1, 0 or 1. NaN equals itself and is above every number, as PostgreSQL has it."""
    wanted = _alike(found, wanted)
    if found == wanted:
        return 0
    if isinstance(found, float | decimal.Decimal) and math.isnan(found):
        return 1
    return -1 if found < wanted else 1


_FAMILIES = (
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


def _alike(found: Any, wanted: Any) -> Any:
    """Return *wanted* as a value of the type that *found* has, wherever a database would take it for one."""
    family, given = _family(found), _family(wanted)
    if family is not given and given is int and family in (float, decimal.Decimal):
        return family(wanted)
    if family is uuid.UUID and given is str:
        with contextlib.suppress(ValueError):
            return uuid.UUID(wanted)
    aware = family in (dt.datetime, dt.time)
    if family is not given or (aware and (found.utcoffset() is None) is not (wanted.utcoffset() is None)):
        raise RuleError(
            f"A rule compares a `{type(wanted).__name__}` with a field that holds a `{type(found).__name__}`"
        )
    return wanted


def _family(value: Any) -> type:
    """Return the type that a value counts as: the first that it is an instance of, else its own."""
    return next((kind for kind in _FAMILIES if isinstance(value, kind)), type(value))

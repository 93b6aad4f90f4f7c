"""Writes the function that completes an object whose selected fields are plain data: nearly all of what lists hold.

It reads every field and looks at the class of each value. Where all are what their types ask for, the object is done;
where one is not (a null, an enumeration, a field that a mask hides, an error) the plan's own way takes over.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from keyword import iskeyword
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from graphql import GraphQLNonNull

from ._scalars import SCALARS

if TYPE_CHECKING:
    from ._plan import PlannedField

_KNOWN = {kind.name: kind for kind in SCALARS.values()}
"""A scalar of the app may have the same name, and another way to write."""

_PLAIN: dict[str, tuple[type, str]] = {
    "String": (str, ""),
    "Boolean": (bool, ""),
    "Int": (int, " and -2147483648 <= {0} <= 2147483647"),
    "Float": (float, " and {0} - {0} == 0.0"),
    "UUID": (uuid.UUID, ""),
    "DateTime": (dt.datetime, ""),
    "Date": (dt.date, ""),
    "Time": (dt.time, ""),
    "Decimal": (decimal.Decimal, ""),
}
"""By scalar the class whose values the response's encoder writes as the scalar asks, and what else must hold."""

Slow = Callable[[Any, Any, Any], Any]


def ready_completion(fields: Sequence[PlannedField], slow: Slow) -> Slow | None:
    """Return a function that completes objects as *slow* does, faster; None where the fields are of other kinds.

    Args:
        fields: what is selected, in order.
        slow: completes an object in every case.
    """
    kinds = []
    for field in fields:
        attribute = field.definition.extensions.get("nestpy_attribute") if field.definition is not None else None
        kind = field.definition.type if field.definition is not None else None
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        name = getattr(inner, "name", "")
        if attribute is None or field.function is not None or name not in _PLAIN or inner is not _KNOWN[name]:
            return None
        if not attribute[1].isidentifier() or iskeyword(attribute[1]):
            return None
        kinds.append((field.key, attribute, name, not isinstance(kind, GraphQLNonNull)))
    if not kinds:
        return None
    names = {f"kind_{name}": kind for name, (kind, _) in _PLAIN.items()}
    made: Slow = FunctionType(_code(tuple(kinds)), {"__builtins__": {"Exception": Exception}, **names, "slow": slow})
    return made


@lru_cache(maxsize=1024)
def _code(kinds: tuple[tuple[str, tuple[str, str], str, bool], ...]) -> CodeType:
    """Return the code for fields of these keys, places, scalars and nullabilities."""
    lines = ["def complete(source, run, path):", "    try:"]
    if any(place == "data" for _, (place, _), _, _ in kinds):
        lines.append("        data = source.data")
    conditions = []
    for number, (_, (place, name), scalar, optional) in enumerate(kinds):
        value = f"v{number}"
        lines.append(f"        {value} = data[{name!r}]" if place == "data" else f"        {value} = source.{name}")
        condition = f"{value}.__class__ is kind_{scalar}{_PLAIN[scalar][1].format(value)}"
        conditions.append(f"({value} is None or {condition})" if optional else condition)
    pairs = ", ".join(f"{key!r}: v{number}" for number, (key, _, _, _) in enumerate(kinds))
    lines += [
        f"        if {' and '.join(conditions)}:",
        f"            return {{{pairs}}}",
        "    except Exception:",
        "        pass",
        "    return slow(source, run, path)",
    ]
    module = compile("\n".join(lines), "nestpy:graphql object", "exec", dont_inherit=True)
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))

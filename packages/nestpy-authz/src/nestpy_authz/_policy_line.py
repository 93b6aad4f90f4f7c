"""One line of a casbin policy, checked, as it becomes a rule of an actor."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ._conditions import condition_on, gt, gte, is_in, is_not_null, is_null, lt, lte, ne
from .errors import RuleError

if TYPE_CHECKING:
    from ._rules import Declare

_OPERATORS: dict[str, Callable[[Any], Any]] = {
    "eq": lambda value: value,
    "ne": ne,
    "lt": lt,
    "lte": lte,
    "gt": gt,
    "gte": gte,
    "in": is_in,
    "is_null": lambda value: is_null() if value else is_not_null(),
}


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyLine:
    """A policy, as the model's fields name its parts.

    Attributes:
        sub: whom it is about.
        dom: in which domain; empty where the model has none.
        subject: a class or a name.
        act: the action.
        allows: whether it grants.
        fields: which fields it is about; None for all.
        where: for each field, by path, an operator and a value; ``$name`` stands for what the actor has of that name.
    """

    sub: str
    dom: str
    subject: type | str
    act: str
    allows: bool
    fields: frozenset[str] | None
    where: tuple[tuple[str, str, Any], ...]

    @classmethod
    def of(cls, values: Sequence[str], names: Sequence[str], subjects: Mapping[str, type]) -> PolicyLine:
        """Check one line.

        Raises:
            RuleError: parts are missing, empty or make no sense.
        """
        try:
            given = dict(zip(names, values, strict=True))
            if not all(given[name] for name in ("sub", "obj", "act")) or given.get("dom") == "":
                raise RuleError("it has an empty part")
            effect = given.get("eft", "allow")
            if effect not in ("allow", "deny"):
                raise RuleError(f"its effect is `{effect}`")
            fields = frozenset(given.get("fields", "").split()) or None
            return cls(
                given["sub"],
                given.get("dom", ""),
                subjects.get(given["obj"], given["obj"]),
                given["act"],
                effect == "allow",
                fields,
                _where(given.get("where", "")),
            )
        except ValueError as error:
            raise RuleError(f"The policy `{', '.join(values)}` makes no sense: {error}") from error

    def write(self, actor: Any, can: Declare, cannot: Declare) -> None:
        """Write it as a rule of *actor*."""
        declare = can if self.allows else cannot
        declare(self.act, self.subject, *(self._condition(actor, *each) for each in self.where), fields=self.fields)

    def _condition(self, actor: Any, path: str, operator: str, value: Any) -> Any:
        filled = [_filled(one, actor) for one in value] if isinstance(value, list) else _filled(value, actor)
        return condition_on(path, _OPERATORS[operator](filled))


def _where(text: str) -> tuple[tuple[str, str, Any], ...]:
    """Read ``({"org_id": "$org_id", "age": {"gte": 18}})``; the parentheses keep casbin from splitting at commas."""
    bare = text.strip().removeprefix("(").removesuffix(")")
    if not bare:
        return ()
    found: dict[str, Any] = msgspec.json.decode(bare, type=dict[str, Any])
    parts = []
    for path, wanted in found.items():
        said = wanted if isinstance(wanted, dict) else {"eq": wanted}
        for operator, value in said.items():
            if operator not in _OPERATORS or isinstance(value, list) is not (operator == "in"):
                raise RuleError(f"`{path}` has the operator `{operator}`")
            parts.append((path, operator, value))
    return tuple(parts)


def _filled(value: Any, actor: Any) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return functools.reduce(getattr, value[1:].split("."), actor)
    return value

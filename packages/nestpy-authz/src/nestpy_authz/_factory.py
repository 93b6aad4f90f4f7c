"""Where an app writes its rules as code."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any

from nestpy_core.contracts import Actor

from ._rules import Declare
from .errors import RuleError

__all__ = ("AbilityFactory",)


class AbilityFactory:
    """Subclass it, write `define`, and give the class to ``AuthzModule.for_root``; its fields are injected.

    Whatever `define` raises denies everything. Rules stand in no order: one that denies always wins. Several factories
    add up; one that needs a module's providers stands in it: ``provide(AbilityFactory, use_class=…, multi=True)``.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse rules that would have to be awaited.

        Raises:
            RuleError: one of the two methods is async.
        """
        super().__init_subclass__(**options)
        for name in ("define", "define_visitor"):
            if iscoroutinefunction(cls.__dict__.get(name)):
                raise RuleError(
                    f"`{cls.__name__}.{name}` is async, and rules are told at once.\n"
                    "Hint: read what they need beforehand, when the actor is made or when the app starts"
                )

    def version(self) -> Hashable:
        """Return what changes with all that `define` reads beside the actor; by default it reads nothing else.

        Asked each time; abilities of another version are not used again.
        """
        return 0

    def define(self, actor: Any, can: Declare, cannot: Declare) -> None:  # the app's own kind of `Actor`
        """Write the rules of *actor*.

        An ability is kept for actors that are equal and cannot change (a frozen Struct or dataclass, a named tuple),
        so what an actor of that kind does not hold must change what `version` returns.
        """

    def define_visitor(self, can: Declare, cannot: Declare) -> None:
        """Write the rules of whoever calls a `@public` handler without having been authenticated: by default none."""


@lru_cache(maxsize=256)
def lets_actors_be_kept(cls: type[Actor]) -> bool:
    """Say whether equal actors of a class are the same and stay so: only then may they share an ability."""
    struct = getattr(cls, "__struct_config__", None)
    if struct is not None:
        return bool(struct.frozen and struct.eq) and "__eq__" not in cls.__dict__
    plain = getattr(cls, "__dataclass_params__", None)
    if plain is not None:
        fields = cls.__dataclass_fields__.values()  # type: ignore[attr-defined]  # it is a dataclass
        return bool(plain.frozen and plain.eq) and all(field.compare for field in fields)
    return issubclass(cls, tuple)

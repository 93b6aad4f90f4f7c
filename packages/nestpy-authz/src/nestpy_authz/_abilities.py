"""Gives the ability of whoever acts, compiled once for each actor and version of the rules."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Hashable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Annotated, Any

from nestpy_core import Token, current_actor, injectable
from nestpy_core.contracts import Actor

from ._ability import CompiledAbility
from ._entities import NO_ENTITIES, Entities
from ._factory import AbilityFactory, lets_actors_be_kept
from ._rules import Rule, RuleBook
from .errors import RuleError

__all__ = ("Abilities", "as_system")

logger = logging.getLogger("nestpy.authz")

KEPT = Token[int]("KEPT")
"""How many abilities are remembered."""

_SYSTEM: ContextVar[str] = ContextVar("nestpy_authz_system", default="")
VISITING: ContextVar[bool] = ContextVar("nestpy_authz_visiting", default=False)
_WARNED: ContextVar[bool] = ContextVar("nestpy_authz_warned", default=False)


@contextlib.contextmanager
def as_system(reason: str) -> Iterator[None]:
    """Let the code inside the block, and tasks that it starts, do everything: no gate, no filter, no mask.

    Args:
        reason: why; it is logged.
    """
    if not reason:
        raise RuleError("`as_system` needs a reason, which is logged")
    logger.info("acting as the system: %s", reason, extra={"reason": reason})
    token = _SYSTEM.set(reason)
    try:
        yield
    finally:
        _SYSTEM.reset(token)


@injectable
class Abilities:
    """The app's `AbilitySource`: the ability of the unit of work that runs, and of any actor.

    Attributes:
        entities: asked for the fields of entities.
        factories: what writes the rules.
    """

    def __init__(self, entities: Entities, factories: list[AbilityFactory], kept: Annotated[int, KEPT]) -> None:
        self.entities = entities
        self.factories = factories
        self._kept = lru_cache(maxsize=kept, typed=True)(self._compiled)
        self._last: ContextVar[tuple[Any, Any, CompiledAbility] | None] = ContextVar("nestpy_authz_last", default=None)

    def current(self) -> CompiledAbility | None:
        """Return the ability of the unit of work that runs; one that allows nothing, with a warning, when nobody acts.

        None inside `as_system`.

        Raises:
            RuleError: the rules of the actor make no sense, so that nothing can be decided.
        """
        if _SYSTEM.get():
            return None
        actor = current_actor()
        if actor is not None:
            return self.of(actor)
        if VISITING.get():
            return self.visitor()
        if not _WARNED.get():
            _WARNED.set(True)
            logger.warning(
                "Nobody acts, so nothing is allowed: reason=no_actor remedy=%r",
                _REMEDY,
                extra={"reason": "no_actor", "detail": "", "remedy": _REMEDY},
            )
        return NOBODY

    def of(self, actor: Actor) -> CompiledAbility:
        """Return what *actor* may do.

        Raises:
            RuleError: the rules of the actor make no sense.
        """
        version = self._version
        if lets_actors_be_kept(type(actor)):
            try:
                return self._kept(actor, version)  # type: ignore[arg-type]  # it says itself whether it has a hash
            except TypeError:  # it holds something that has no hash
                pass
        last = self._last.get()
        if last is not None and last[0] is actor and last[1] == version:
            return last[2]
        made = self._compiled(actor, version)
        self._last.set((actor, version, made))
        return made

    def visitor(self) -> CompiledAbility:
        """Return what anybody may do who calls a `@public` handler."""
        return self._kept(None, self._version)

    @property
    def _version(self) -> tuple[Hashable, ...]:
        return tuple([factory.version() for factory in self.factories])

    def _compiled(self, actor: Actor | None, version: tuple[Hashable, ...]) -> CompiledAbility:
        del version  # which ability is remembered hangs on it
        book = RuleBook()
        try:
            for factory in self.factories:
                if actor is None:
                    factory.define_visitor(book.can, book.cannot)
                else:
                    factory.define(actor, book.can, book.cannot)
        except Exception as error:
            who = "a visitor" if actor is None else f"the actor `{actor.id}`"
            raise RuleError(f"The rules of {who} cannot be told, so nothing is allowed: {error}") from error
        granted, withheld = _by_scope(book.rules, getattr(actor, "scopes", None))
        return CompiledAbility(granted, self.entities, withheld)


def _by_scope(rules: list[Rule], scopes: Any) -> tuple[list[Rule], list[Rule]]:
    """Part the rules that count from those whose scope the actor's token lacks."""
    if scopes is None:
        return rules, []
    held = frozenset(scopes.split() if isinstance(scopes, str) else scopes)
    lacking = [rule for rule in rules if rule.scope is not None and rule.scope not in held]
    return [rule for rule in rules if rule not in lacking], lacking


_REMEDY = "authenticate the caller, or write `with acting_as(actor):`, `with as_system(reason):` or `unscoped()`"
NOBODY = CompiledAbility((), NO_ENTITIES)
"""What nobody may do: anything."""

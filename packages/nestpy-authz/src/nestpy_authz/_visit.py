"""Lets whoever calls a `@public` handler without having been authenticated be asked as a visitor."""

from __future__ import annotations

from contextvars import Token
from typing import Any

from nestpy_core import Graph, injectable

from ._abilities import VISITING
from ._factory import AbilityFactory


@injectable
class Visit:
    """The instrument around `@public` handlers of an app that has rules for visitors."""

    def begin(self, call: object) -> Token[bool]:
        """Let the ability of nobody be the visitors' from here on."""
        del call
        return VISITING.set(True)

    def end(self, state: Token[bool], outcome: object, error: Exception | None) -> None:
        """Let it be nothing again."""
        del outcome, error
        VISITING.reset(state)


def has_visitors(graph: Graph) -> bool:
    """Say whether any factory of the app writes rules for visitors."""
    return any(_writes_for_visitors(binding.settled.source) for binding in graph.bindings_of(AbilityFactory))


def _writes_for_visitors(source: Any) -> bool:
    """Say so of a binding's class or value; of what a function makes nothing is known before it is made."""
    cls = source if isinstance(source, type) else type(source)
    if not issubclass(cls, AbilityFactory):
        return True
    return cls.define_visitor is not AbilityFactory.define_visitor

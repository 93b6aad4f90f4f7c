"""Finds, at boot, what is authorized and can never be decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from nestpy_core import Graph, Handler, name_of
from nestpy_core.contracts import Operation

from ._authorize import Authorization, AuthorizeGuard
from ._factory import AbilityFactory
from ._rules import MANAGE, Predicate, predicates_of
from .errors import AuthorizationError


def unprovided(graph: Graph) -> Iterator[AuthorizationError]:
    """Yield one problem where handlers are authorized in an app without `AuthzModule`."""
    labels = [f"`{handler.label}`" for handler in graph.handlers if Authorization in handler.meta]
    if labels:
        yield AuthorizationError(
            f"`@authorize` stands on {', '.join(labels)}, and nothing decides about it.",
            hints=(f"import `AuthzModule.for_root(…)` in `{graph.root.label}`",),
        )


def reversed_guards(graph: Graph) -> Iterator[AuthorizationError]:
    """Yield a problem for each handler that authorizes before the only guard that could say who acts."""
    for handler in graph.handlers:
        guards = [use for use in handler.layers["guards"] if use.posture]
        names = [name_of(use.layer) for use in guards]
        if len(guards) > 1 and guards[0].layer is AuthorizeGuard and not handler.public:
            yield AuthorizationError(
                f"`{handler.label}` authorizes before `{names[1]}` has said who acts, so it would refuse everybody.",
                hints=(
                    f"write `@authorize(…)` below `@use_guards({names[1]})`",
                    f"or bind that guard for all: `provide(APP_GUARD, use_class={names[1]}, multi=True)`",
                ),
            )


def undecidable(graph: Graph) -> Iterator[AuthorizationError]:
    """Yield a problem for each list that a rule in Python is about: no query could carry it."""
    for binding in graph.bindings_of(AbilityFactory):
        source = binding.settled.source
        cls = source if isinstance(source, type) else type(source)
        for mark in predicates_of(cls):
            for what in _lists(graph, mark):
                yield AuthorizationError(
                    f"{what} lists `{mark.subject.__name__}`, and a `@predicate` of `{cls.__name__}` decides "
                    f"`{mark.action}` on it in Python, which no query can carry.",
                    hints=(
                        "write that rule with `where(…)` instead",
                        (
                            "or give what only Python can decide an action of its own, and ask `ability.can(…)` of "
                            f"each `{mark.subject.__name__}`"
                        ),
                    ),
                )


def _lists(graph: Graph, mark: Predicate) -> Iterator[str]:
    for operation in graph.operations:
        if _is_list(operation, mark):
            yield f"The operation `{operation.name}` of `{operation.entity.__name__}`"
    for handler in graph.handlers:
        if _lists_many(handler.returns, mark.subject) and _asks_for(handler, mark):
            yield f"`{handler.label}`"


def _is_list(operation: Operation, mark: Predicate) -> bool:
    about = issubclass(operation.entity, mark.subject) and mark.action in (operation.action, MANAGE)
    return about and operation.kind == "query"


def _asks_for(handler: Handler, mark: Predicate) -> bool:
    asked: Any = handler.meta.get(Authorization, ())
    return mark.action in (MANAGE, "read", *(one.action for one in asked))


def _lists_many(returns: Any, subject: type, *, many: bool = False) -> bool:
    """Say whether an annotation names several of *subject*: in a list, a page, a stream."""
    if isinstance(returns, type) and get_origin(returns) is None:
        return many and issubclass(returns, subject)
    inside = many or get_origin(returns) not in (None, type(int | None))
    return any(_lists_many(one, subject, many=inside) for one in get_args(returns))

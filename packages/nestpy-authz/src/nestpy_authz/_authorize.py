"""Says on a host or a handler what a caller must be allowed to do, on any edge, and the guard that asks."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Never, TypeVar, overload

from nestpy_core import Denial, ExecutionContext, apply_decorators, injectable, meta, use_guards

from ._abilities import Abilities
from ._ability import CompiledAbility
from ._bare import refuse_bare
from ._rules import checked_action, checked_subject

__all__ = ("AuthorizeGuard", "authorize")

logger = logging.getLogger("nestpy.authz")

D = TypeVar("D", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, slots=True)
class Authorization:
    """What `@authorize` leaves on a handler or a host."""

    action: str
    subject: type | str


@overload
def authorize(action: str, subject: type | str) -> Callable[[D], D]: ...


@overload
def authorize(action: Never) -> Never: ...


def authorize(action: Any = ..., subject: Any = ...) -> Any:  # the first of the two; the other one is refused
    """Let only those call it who may do *action* on some *subject*; results show each what they may read.

    On a host and on its handler, or several times, all of them must hold. Callers whom no guard has identified get
    401, others 403; on a `@public` handler visitors are asked like actors.

    Args:
        action: for instance ``read``.
        subject: an entity's class, or a name.

    Raises:
        DefinitionError: it stands there without both of them.
        RuleError: an empty name.
    """
    refuse_bare("@authorize", action, subject, '@authorize("read", Report)')
    asked = Authorization(checked_action(action), checked_subject(subject))
    return apply_decorators(meta(asked), use_guards(AuthorizeGuard))


@injectable
class AuthorizeGuard:
    """Asks the ability of whoever acts for what `@authorize` says; stand guards that authenticate before it."""

    abilities: Abilities | None = None

    posture: ClassVar[bool] = True

    def can_activate(self, context: ExecutionContext) -> bool | Denial:
        """Admit whom the rules allow everything that the handler and its host ask for."""
        handler = context.handler
        if handler is None or self.abilities is None:
            return False
        if context.actor is None and not handler.public:
            return _log("no_actor", handler.label, "nobody was authenticated", Denial.unauthorized())
        ability = self.abilities.current()
        for asked in handler.meta.get(Authorization, ()):
            if ability is not None and not ability.can(asked.action, asked.subject):  # type: ignore[attr-defined]  # by class
                return _refusal(ability, asked, handler.label)  # type: ignore[arg-type]  # as above
        return True


def _refusal(ability: CompiledAbility, asked: Authorization, label: str) -> Denial:
    name = asked.subject if isinstance(asked.subject, str) else asked.subject.__name__
    what = f"`{asked.action}` on `{name}`"
    scopes = ability.missing_scopes(asked.action, asked.subject)
    if scopes:
        return _log("missing_scope", label, f"{what} needs {' or '.join(scopes)}", Denial.insufficient_scope(scopes))
    return _log("no_grant", label, f"{what} is not granted", Denial.forbidden())


_REMEDIES = {
    "no_actor": "authenticate with a guard that stands before `@authorize` and sets `context.actor`, or add `@public`",
    "missing_scope": "give the token one of the scopes",
    "no_grant": "grant it with `can(…)` in the ability factory or with a policy, if the caller should have it",
}


def _log(reason: str, label: str, detail: str, denial: Denial) -> Denial:
    remedy = _REMEDIES[reason]
    logger.warning(
        "%s was denied: reason=%s detail=%r remedy=%r",
        label,
        reason,
        detail,
        remedy,
        extra={"handler": label, "reason": reason, "detail": detail, "remedy": remedy},
    )
    return denial

"""What an actor was granted and denied, rule by rule, before any of it is compiled."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Literal, Never, Protocol, TypeVar, overload

from nestpy_core.contracts import All, Condition

from ._bare import refuse_bare
from ._conditions import NODES, conjunction
from .errors import RuleError

__all__ = ("ALL", "MANAGE", "Declare", "Predicate", "predicate")

F = TypeVar("F", bound=Callable[..., Any])

MANAGE: Literal["manage"] = "manage"
"""The action that stands for every action."""

ALL: Literal["all"] = "all"
"""The subject that stands for every subject."""

Words = str | Iterable[str]
Subjects = Any  # a class, a name, or several of them


@dataclasses.dataclass(frozen=True, slots=True)
class Predicate:
    """What `@predicate` leaves on a method: which rules it may decide, in Python alone.

    Attributes:
        action: that its rules are about.
        subject: the class of instances it is given.
    """

    action: str
    subject: type


@overload
def predicate(action: str, subject: type) -> Callable[[F], F]: ...


@overload
def predicate(action: Never) -> Never: ...


def predicate(action: Any = ..., subject: Any = ...) -> Any:  # the first of the two; the other one is refused
    """Mark a method of the factory that decides about an instance of *subject* where a condition cannot.

    It is given the instance and returns True to let the rule apply; whatever else it returns or raises grants nothing
    and denies. No query can carry it: an app with a list of *subject* for this *action* does not boot.

    Args:
        action: the action of the rules that use it.
        subject: the class of their instances.

    Raises:
        DefinitionError: it stands there without both of them.
        RuleError: an empty name, or a subject that is no class.
    """
    refuse_bare("@predicate", action, subject, '@predicate("read", Report)')
    if not isinstance(subject, type):
        raise RuleError(f"A predicate is given instances of a class, not {subject!r}")
    asked = Predicate(checked_action(action), subject)

    def mark(function: F) -> F:
        function.nestpy_predicate = asked  # type: ignore[attr-defined]  # its mark
        return function

    return mark


def predicates_of(cls: type) -> Iterator[Predicate]:
    """Yield what the methods of a factory class are marked with."""
    for name in dir(cls):
        found = getattr(getattr(cls, name, None), "nestpy_predicate", None)
        if isinstance(found, Predicate):
            yield found


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One line of what an actor may or may not do.

    Attributes:
        allows: whether it grants; one that denies wins over every one that grants.
        action: or `MANAGE`.
        subject: a class, a name, or `ALL`.
        condition: which instances it is about.
        test: what decides further in Python; None for nothing.
        fields: which fields it is about; None for the subject with all of them.
        scope: what the actor's token must hold for the rule to count.
    """

    allows: bool
    action: str
    subject: type | str
    condition: Condition = All()  # noqa: RUF009  # frozen
    test: Callable[[Any], Any] | None = None
    fields: frozenset[str] | None = None
    scope: str | None = None

    @property
    def unconditional(self) -> bool:
        """Whether it is about every instance."""
        return self.test is None and self.condition == All()

    def is_about(self, action: str, subject: type | str) -> bool:
        """Say whether it has a say in *action* on a class, its bases' rules included, or on a name."""
        if self.action not in (action, MANAGE):
            return False
        if isinstance(self.subject, str):
            return self.subject in (ALL, subject)
        return isinstance(subject, type) and self.subject in subject.__mro__


class Declare(Protocol):
    """The shape of ``can`` and ``cannot``, as `AbilityFactory.define` is given them."""

    def __call__(
        self,
        action: Words,
        subject: Subjects,
        /,
        *conditions: Any,  # conditions and marked predicates
        fields: Collection[str] | None = None,
        requires_scope: str | None = None,
        **equal: Any,  # a value or an operator for each field
    ) -> None:
        """Write one rule.

        Args:
            action: a name, or several; `MANAGE` stands for all.
            subject: an entity's class or a name, or several; `ALL` stands for all. A class includes its subclasses.
            conditions: all of which must hold: `where`, `any_of`, `not_`, and methods marked with `@predicate`.
            fields: what the rule is about; None for all. ``cannot`` with fields hides these alone.
            requires_scope: withholds the rule from an actor whose ``scopes`` lack it; one whose ``scopes`` are None,
                or who has no such attribute, knows no scopes and keeps the rule. For ``can`` alone.
            equal: a value or an operator such as `gte` for each field: ``org_id=actor.org_id``.

        Raises:
            RuleError: the rule makes no sense.
        """
        ...


class RuleBook:
    """Collects the rules of one actor."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def can(self, action: Words, subject: Subjects, /, *conditions: Any, **options: Any) -> None:
        """Grant, as `Declare` says."""
        self._write(action, subject, conditions, options, allows=True)

    def cannot(self, action: Words, subject: Subjects, /, *conditions: Any, **options: Any) -> None:
        """Deny, as `Declare` says."""
        self._write(action, subject, conditions, options, allows=False)

    def _write(
        self, action: Words, subject: Subjects, conditions: tuple[Any, ...], options: dict[str, Any], *, allows: bool
    ) -> None:
        fields, scope = options.pop("fields", None), options.pop("requires_scope", None)
        if scope is not None and not allows:
            raise RuleError(f"`cannot` takes no scope (`{scope}`): a token without it would be allowed more")
        tests = [item for item in conditions if not isinstance(item, NODES) and callable(item)]
        condition = conjunction([item for item in conditions if item not in tests], options)
        named = _checked_fields(fields)
        for one_action in [action] if isinstance(action, str) else action:
            for one_subject in [subject] if isinstance(subject, str | type) else subject:
                rule = Rule(
                    allows, checked_action(one_action), checked_subject(one_subject), condition, None, named, scope
                )
                self.rules.append(dataclasses.replace(rule, test=_test(tests, rule)))


def checked_action(action: object) -> str:
    """Return an action's name; an enum member stands for its value."""
    name = action.value if isinstance(action, enum.Enum) else action
    if not isinstance(name, str) or not name:
        raise RuleError(f"An action is a name, not {action!r}")
    return name


def checked_subject(subject: object) -> type | str:
    """Return a subject that rules may be about."""
    if isinstance(subject, type) or (isinstance(subject, str) and subject):
        return subject
    raise RuleError(f"A subject is a class or a name, not {subject!r}")


def _checked_fields(fields: Any) -> frozenset[str] | None:
    if fields is None:
        return None
    found = frozenset(() if isinstance(fields, str) else fields)
    if not found or not all(isinstance(name, str) and name for name in found):
        raise RuleError(f"`fields=` takes the names of some fields, not {fields!r}")
    return found


def _test(tests: list[Any], rule: Rule) -> Callable[[Any], Any] | None:
    for test in tests:
        mark = getattr(test, "nestpy_predicate", None)
        if mark is None:
            raise RuleError(
                f"A rule for `{rule.action}` takes `{getattr(test, '__name__', test)}`, which is no condition.\n"
                f"Hint: mark that method with `@predicate(…)`, if only Python can decide it"
            )
        if mark.action != rule.action or mark.subject is not rule.subject:
            raise RuleError(
                f"`{test.__name__}` is marked for `{mark.action}` on `{mark.subject.__name__}`, and a rule for "
                f"`{rule.action}` uses it.\nHint: mark a predicate for each action"
            )
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda instance: all(test(instance) is True for test in tests)

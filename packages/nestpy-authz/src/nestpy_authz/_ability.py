"""What one actor may do, compiled: the gate, the condition of a query and the fields, from the same rules."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from nestpy_core.contracts import All, AnyOf, Compare, Condition, Never, Not

from ._entities import NO_ENTITIES, Entities
from ._rules import Rule
from ._truth import Choose, NotLoadedError, Tested, chooser
from .errors import PredicateError

__all__ = ("CompiledAbility",)

logger = logging.getLogger("nestpy.authz")

Fields = frozenset[str] | None
Shown = frozenset[str] | Literal[False] | None
NO_FIELDS: frozenset[str] = frozenset()
_UNKNOWN: Any = object()
_VOUCHED = "_nestpy_vouched"
_KEPT = 1000
"""Decisions that one ability remembers: the actions and classes of an app are far fewer."""


class CompiledAbility:
    """An `Ability`: immutable, and quick to ask. What it cannot decide it refuses.

    Args:
        rules: in any order: every rule that denies wins over every one that grants.
        entities: asked for all fields of an entity, and for the key of one that a field holds.
        withheld: rules that count only with a scope which the actor's token lacks.
    """

    __slots__ = ("_decisions", "_entities", "_rules", "_withheld")

    def __init__(self, rules: Iterable[Rule], entities: Entities, withheld: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._withheld = tuple(withheld)
        self._entities = entities
        self._decisions: dict[tuple[str, type | str], Decision] = {}

    def can(self, action: str, subject: object, field: str | None = None) -> bool:
        """Return whether *action* is allowed, as the contract says; False wherever that cannot be told."""
        if isinstance(subject, type | str):
            return self._decision(action, subject).allows_some(field)
        fields = self._shown(action, subject)
        return fields is not False and (field is None or fields is None or field in fields)

    def condition(self, action: str, entity: type) -> Condition:
        """Return what the instances that *action* is allowed on have in common.

        Raises:
            PredicateError: one of the rules can be decided in Python alone.
        """
        return self._decision(action, entity).condition()

    def fields(self, action: str, subject: object) -> frozenset[str] | None:
        """Return the fields that *action* may touch: of an instance, or of every instance that is allowed."""
        if isinstance(subject, type | str):
            return self._decision(action, subject).common_fields
        fields = self._shown(action, subject)
        return NO_FIELDS if fields is False else fields

    def readable(self, instance: object) -> Shown:
        """Return the fields that ``read`` may touch of an instance: None for all, False where it is not allowed."""
        return self._shown("read", instance)

    def all_readable(self, cls: type, instances: Sequence[Any]) -> list[Shown]:
        """Return what `readable` returns of each of many instances of one class, quicker."""
        decision = self._decision("read", cls)
        choose, known = decision.choose, decision.known
        try:
            return [known[choose(instance)] for instance in instances]
        except Exception:  # noqa: BLE001  # not met before, or not to be decided: each is asked about by itself
            return [self.readable(instance) for instance in instances]

    def vouch(self, action: str, instances: Sequence[object]) -> None:
        """Take notice that storage read *instances* with the condition for *action*, as the contract says."""
        if instances and self._decision(action, instances[0].__class__).follows:
            told = frozenset((action,))
            for instance in instances:
                setattr(instance, _VOUCHED, (self, told | self._told_of(instance)))

    def _told_of(self, instance: object) -> frozenset[str]:
        """Return the actions whose condition storage read an instance with, for this very ability."""
        ability, actions = getattr(instance, _VOUCHED, None) or (None, NO_FIELDS)
        return actions if ability is self else NO_FIELDS

    def _shown(self, action: str, instance: object) -> Shown:
        decision = self._decision(action, instance.__class__)
        try:
            return False if instance is None else decision.shown(instance)
        except NotLoadedError as error:
            if action in self._told_of(instance):
                return decision.common_fields
            return decision.shown_at_least(instance) or decision.deny(error, action)
        except Exception as error:  # noqa: BLE001  # whatever it is, it denies
            return decision.deny(error, action)

    def missing_scopes(self, action: str, subject: type | str) -> tuple[str, ...]:
        """Return the scopes with any of which the actor's token would allow *action*; none when no scope would."""
        about = [rule for rule in self._withheld if rule.is_about(action, subject)]
        return tuple(sorted({rule.scope for rule in about if rule.scope is not None}))

    def _decision(self, action: str, subject: type | str) -> Decision:
        try:
            return self._decisions[action, subject]
        except (KeyError, TypeError):
            about = [rule for rule in self._rules if rule.is_about(action, subject)]
            if not (isinstance(action, str) and action and about) or subject == "":
                return NOTHING
            try:
                made = Decision(about, subject, self._entities)
            except Exception as error:  # noqa: BLE001  # what cannot be compiled denies
                made = Decision((), subject, self._entities)
                made.deny(error, action)
            if len(self._decisions) < _KEPT:
                self._decisions[action, subject] = made
            return made


class Decision:
    """What the rules say of one action on one subject.

    Attributes:
        common_fields: what every allowed instance shows; None for all fields.
        follows: whether any rule needs a related entity.
        choose: which groups of rules are about an instance, as bits.
        known: the fields by such bits, as far as they were met.
    """

    __slots__ = (
        "_condition",
        "_denials",
        "_entities",
        "_grants",
        "_groups",
        "_hiding",
        "_rules",
        "_subject",
        "_told",
        "choose",
        "common_fields",
        "follows",
        "known",
    )

    def __init__(self, rules: Sequence[Rule], subject: type | str, entities: Entities) -> None:
        self._rules = rules
        self._subject = subject
        self._entities = entities
        self._told = False
        self._condition: Condition | None = None
        self._grants = [rule for rule in rules if rule.allows]
        self._denials = [rule for rule in rules if not rule.allows and rule.fields is None]
        self._hiding = _by_fields([rule for rule in rules if not rule.allows and rule.fields is not None])
        self._groups = _by_fields(self._grants)
        self.common_fields = self._without(_common(self._grants), [fields or NO_FIELDS for fields in self._hiding])
        self.follows = any(_follows(rule.condition) for rule in rules)
        self.known: dict[int, Shown] = {0: False}
        self.choose = self._chooser([*self._groups.values()], [*self._hiding.values()])

    def shown(self, instance: object) -> Shown:
        """Return the fields of an instance, None for all, False where it is not allowed; may raise."""
        choice = self.choose(instance)
        fields = self.known.get(choice, _UNKNOWN)
        return self._chosen(choice) if fields is _UNKNOWN else fields

    def shown_at_least(self, instance: object) -> Shown:
        """Return what an instance shows by the rules alone that need nothing which is not loaded."""
        choice, bit = 0, 1
        for group in self._groups.values():
            for rule in group:
                with contextlib.suppress(Exception):
                    choice |= bit * self._chooser([[rule]])(instance)
            bit <<= 1
        for group in self._hiding.values():
            try:
                choice |= bit * self._chooser([], [group])(instance)
            except Exception:  # noqa: BLE001  # what cannot be told hides
                choice |= bit
            bit <<= 1
        return self._chosen(choice)

    def _chosen(self, choice: int) -> Shown:
        """Return the fields that the groups of a choice make, and remember them."""
        granted = [fields for number, fields in enumerate(self._groups) if choice >> number & 1]
        if not granted:
            return False
        hidden = [fields for number, fields in enumerate(self._hiding, len(self._groups)) if choice >> number & 1]
        fields = None if None in granted else NO_FIELDS.union(*(one for one in granted if one is not None))
        shown = self._without(fields, [one or NO_FIELDS for one in hidden])
        if len(self.known) < _KEPT:
            self.known[choice] = shown
        return shown

    def _chooser(self, groups: Sequence[Sequence[Rule]], hiding: Sequence[Sequence[Rule]] = ()) -> Choose:
        if not self._grants or any(rule.unconditional for rule in self._denials):
            return _nothing
        return chooser(_tested(self._denials), [*map(_tested, groups)], [*map(_tested, hiding)], self._entities.key)

    def allows_some(self, field: str | None) -> bool:
        """Say whether any instance might be allowed, or any with one field."""
        if any(rule.unconditional for rule in self._denials):
            return False
        hidden = any(rule.unconditional and field in (rule.fields or ()) for rule in self._rules if not rule.allows)
        grants = [rule for rule in self._rules if rule.allows]
        if field is None:
            return bool(grants)
        return not hidden and any(rule.fields is None or field in rule.fields for rule in grants)

    def deny(self, error: Exception, action: str) -> Literal[False]:
        """Deny what could not be decided, and say so, once."""
        if not self._told:
            self._told = True
            logger.warning(
                "`%s` on `%s` was denied, because a rule could not be decided: %s",
                action,
                _name(self._subject),
                error,
                extra={"reason": "undecidable", "detail": str(error), "remedy": "mend the rule or load what it reads"},
            )
        return False

    def condition(self) -> Condition:
        """Return the condition of a query: the same object each time, so that storage can keep what it makes of it."""
        if self._condition is None:
            self._condition = self._joined()
        return self._condition

    def _joined(self) -> Condition:
        for rule in self._rules:
            if rule.test is not None and not (rule.fields is not None and not rule.allows):
                name = getattr(rule.test, "__name__", "a predicate")
                raise PredicateError(
                    f"`{rule.action}` on `{_name(rule.subject)}` is decided by `{name}`, which no query can carry.\n"
                    f"Hint: write the rule with `where(…)`, or ask for each instance with `ability.can(…)`"
                )
        grants = [rule.condition for rule in self._rules if rule.allows]
        denials = [rule.condition for rule in self._denials]
        if not grants or All() in denials:
            return Never()
        granted = All() if All() in grants else grants[0] if len(grants) == 1 else AnyOf(tuple(grants))
        if not denials:
            return granted
        denied = Not(denials[0] if len(denials) == 1 else AnyOf(tuple(denials)))
        return denied if granted == All() else All((granted, denied))

    def _without(self, fields: Fields, hidden: Iterable[frozenset[str]]) -> Fields:
        taken = NO_FIELDS.union(*hidden)
        if fields is None and taken:
            known = self._entities.fields(self._subject) if isinstance(self._subject, type) else None
            fields = frozenset(known or ())  # where nobody knows all fields, none is shown
        return fields if fields is None else fields - taken


def _by_fields(rules: Sequence[Rule]) -> dict[Fields, list[Rule]]:
    """Group rules by the fields that they are about."""
    found: dict[Fields, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.fields, []).append(rule)
    return found


def _tested(rules: Iterable[Rule]) -> list[Tested]:
    return [(rule.condition, rule.test) for rule in rules]


def _nothing(row: object) -> int:
    del row
    return 0


def _follows(condition: Any) -> bool:
    """Say whether a condition leads through a field to another entity."""
    if isinstance(condition, Compare):
        return "." in condition.field
    inner = (condition.condition,) if isinstance(condition, Not) else getattr(condition, "conditions", ())
    return any(map(_follows, inner))


def _common(grants: Sequence[Rule]) -> Fields:
    """Return the fields of every instance that these rules allow.

    Rules for every instance add up. Without one, an instance may be allowed by any single rule.
    """
    if not grants:
        return NO_FIELDS
    certain = [rule.fields for rule in grants if rule.unconditional]
    if certain:
        return None if None in certain else NO_FIELDS.union(*(fields for fields in certain if fields is not None))
    listed = [rule.fields for rule in grants if rule.fields is not None]
    return frozenset.intersection(*listed) if listed else None


def _name(subject: type | str) -> str:
    return subject if isinstance(subject, str) else subject.__name__


NOTHING = Decision((), "", NO_ENTITIES)
"""What is said where no rule has a say."""

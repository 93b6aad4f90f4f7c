"""Refuses a decorator that stands above a class, a handler or a rule without all of its arguments."""

from __future__ import annotations

from nestpy_core.errors import DefinitionError


def refuse_bare(word: str, action: object, subject: object, example: str) -> None:
    """Refuse what lacks its subject: it would decide about nothing.

    Args:
        word: the decorator, for instance ``@authorize``.
        action: what it was given first: what was to be decorated, where it has no parentheses; `...` for nothing.
        subject: what it was given second; `...` for nothing.
        example: how the decorator is written.

    Raises:
        DefinitionError: there is no subject.
    """
    if subject is not ...:
        return
    if action is ... or callable(action):
        reason = f"`{word}` stands above what it decorates without its arguments."
    else:
        reason = f"`{word}({action!r})` names no subject."
    raise DefinitionError(f"{reason}\nHint: write `{example}`")

"""Refuses a decorator that stands above a class or handler without its arguments."""

from __future__ import annotations

from nestpy_core.errors import DefinitionError


def refuse_bare(given: tuple[object, ...], example: str) -> None:
    """Refuse positional arguments where none are taken: what was to be decorated.

    Args:
        given: the arguments.
        example: how the decorator is written.

    Raises:
        DefinitionError: there are any.
    """
    if given:
        word = example.partition("(")[0]
        raise DefinitionError(
            f"`{word}` stands above what it decorates without its arguments.\nHint: write `{example}`"
        )

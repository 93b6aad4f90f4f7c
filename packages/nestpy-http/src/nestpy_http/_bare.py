"""Refuses a decorator that stands above a handler without its arguments, which would take the handler for one."""

from __future__ import annotations

from types import FunctionType

from nestpy_core.errors import DefinitionError


def refuse_bare(given: object, example: str) -> None:
    """Refuse a function or class where an argument is wanted.

    Args:
        given: the first argument of the decorator.
        example: how it is written.

    Raises:
        DefinitionError: it is what was to be decorated.
    """
    if isinstance(given, FunctionType | type):
        name = example.partition("(")[0]
        raise DefinitionError(
            f"`{name}` stands above a handler without its arguments.\nHint: write `{example}`, for one"
        )

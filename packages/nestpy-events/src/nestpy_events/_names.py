"""Names of events and the patterns that listen to them: parts between dots, ``*`` for one, ``**`` for any number."""

from __future__ import annotations

import re
from typing import NewType

from .errors import EventNameError

__all__ = ("EventName",)

EventName = NewType("EventName", str)
"""A listener's parameter of this type takes the name that was emitted, which a wildcard leaves open."""


def check_name(name: str) -> None:
    """Refuse a name that no event can have.

    Raises:
        EventNameError: a part is empty or holds a wildcard.
    """
    if not all(name.split(".")) or "*" in name:
        raise EventNameError(
            f"`{name}` is no name of an event.\nHint: emit parts between single dots without `*`: `order.created`"
        )


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that no event can match.

    Raises:
        EventNameError: a part is empty or holds a wildcard beside other characters.
    """
    if not all(part and ("*" not in part or part in {"*", "**"}) for part in pattern.split(".")):
        raise EventNameError(
            f"`{pattern}` is no pattern of event names.\n"
            "Hint: write parts between single dots; `*` alone stands for one of them and `**` for any number"
        )


def matcher(pattern: str) -> re.Pattern[str]:
    """Return what matches whole names; linear in their length."""
    written = ""
    for part in pattern.split("."):
        written += r"(?:\.[^.]+)*" if part == "**" else rf"\.{'[^.]+' if part == '*' else re.escape(part)}"
    return re.compile(written)

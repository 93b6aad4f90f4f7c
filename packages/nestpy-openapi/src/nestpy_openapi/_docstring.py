"""Reads a handler's docstring: a summary, a description, and the sections that say more about parameters and errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from nestpy_core import Record

_SECTION = re.compile(r"^(Args|Arguments|Attributes|Example|Examples|Note|Notes|Raises|Returns|Yields):\s*$")
_ITEM = re.compile(r"^(\*{0,2}[\w.]+)(?: \([^)]*\))?:\s*(.*)$")


class Docstring(Record, frozen=True):
    """What a docstring says to callers.

    Attributes:
        summary: its first paragraph, on one line.
        description: what follows, up to its sections.
        arguments: what ``Args:`` says of each parameter.
        errors: what ``Raises:`` says of each class, by the name that stands there.
    """

    summary: str = ""
    description: str = ""
    arguments: Mapping[str, str] = {}
    errors: Mapping[str, str] = {}


def docstring_of(target: object) -> Docstring:
    """Return what a function's or class's own docstring says, in the sections of Google's style."""
    text = inspect.cleandoc(getattr(target, "__doc__", None) or "")
    if not text or text.startswith(f"{getattr(target, '__name__', '')}("):  # a dataclass writes one itself
        return Docstring()
    parts: dict[str, list[str]] = {"": []}
    section = ""
    for line in text.splitlines():
        found = _SECTION.match(line)
        if found is not None:
            section = found[1]
        elif section and line and not line[0].isspace():
            section = ""
        if found is None:
            parts.setdefault(section, []).append(line)
    paragraphs = "\n".join(parts[""]).strip().split("\n\n", 1)
    return Docstring(
        summary=" ".join(paragraphs[0].split()),
        description=paragraphs[1].strip() if len(paragraphs) > 1 else "",
        arguments=_items(parts.get("Args", []) + parts.get("Arguments", [])),
        errors=_items(parts.get("Raises", [])),
    )


def _items(lines: list[str]) -> dict[str, str]:
    items: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + "\n".join(lines)).splitlines():
        found = _ITEM.match(line)
        if found is not None:
            name = found[1].lstrip("*")
            items[name] = found[2].strip()
        elif name and line.strip():
            items[name] = f"{items[name]} {line.strip()}".strip()
    return items

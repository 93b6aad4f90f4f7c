"""Turns Python's names into those that GraphQL clients see."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

_HUMP = re.compile(r"([a-z0-9])([A-Z])")
_SECTION = re.compile(r"\n\s*(?:Args|Returns|Raises|Attributes|Yields|Examples?):\s*\n")
_ENTRY = re.compile(r"^\s{4,}(\w+): (.+)$")


def camel(name: str) -> str:
    """Return ``created_at`` as ``createdAt``; underscores at either end stay."""
    stripped = name.strip("_")
    head, *tail = stripped.split("_")
    return name.replace(stripped, head + "".join(part[:1].upper() + part[1:] for part in tail)) if stripped else name


def snake(name: str) -> str:
    """Return ``createdAt`` as ``created_at``."""
    return _HUMP.sub(r"\1_\2", name).lower()


def default_getter(name: str) -> Callable[[Any], Any]:
    """Return what reads a field that nobody resolves: an item of a mapping, or an attribute."""
    attribute = snake(name)

    def get(source: Any) -> Any:
        if isinstance(source, Mapping):
            return source.get(name, source.get(attribute))
        return getattr(source, attribute, None) if hasattr(source, attribute) else getattr(source, name, None)

    return get


def type_name(hint: Any) -> str:  # a class or a parametrised generic
    """Return what a type is called: ``UserPage`` for ``Page[User]``."""
    origin = get_origin(hint)
    if origin is None:
        return str(getattr(hint, "__name__", hint))
    return "".join(map(_argument_name, get_args(hint))) + str(origin.__name__)


def _argument_name(hint: Any) -> str:
    """Return what an argument of a generic class gives to its name: ``Int``, ``IntList``, ``OptionalUser``."""
    origin, items = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _argument_name(items[0])
    if origin in (Union, UnionType):
        named = "Or".join(_argument_name(item) for item in items if item is not type(None))
        return f"Optional{named}" if type(None) in items else named
    name = type_name(hint) if items else str(getattr(hint, "__name__", hint))
    if items and origin.__module__ in ("builtins", "collections.abc"):
        name = "".join(_argument_name(item) for item in items if item is not ...) + origin.__name__.capitalize()
    return name[:1].upper() + name[1:]


def plural(name: str) -> str:
    """Return the plural of an English noun, as far as its ending tells."""
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"


def description_of(thing: Any) -> str:  # a class or a function
    """Return its own docstring without sections; nothing for what a decorator or a base wrote."""
    own = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    text = inspect.cleandoc(own) if isinstance(own, str) else ""
    if isinstance(thing, type) and text.startswith(f"{thing.__name__}("):  # what `dataclass` writes
        return ""
    return " ".join(_SECTION.split(f"\n{text}\n", maxsplit=1)[0].split())


def described_names(thing: Any) -> dict[str, str]:  # a class or a function
    """Return what a docstring's ``Args:`` or ``Attributes:`` say of each name."""
    found: dict[str, str] = {}
    inside = name = ""
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        if line.strip() and not line.startswith(" "):
            inside, name = line.strip(), ""
        elif inside in ("Args:", "Attributes:"):
            if matched := _ENTRY.match(line):
                name = matched[1]
                found[name] = matched[2].strip()
            elif name and line.strip():
                found[name] += f" {line.strip()}"
    return found

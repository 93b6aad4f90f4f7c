"""Reads and attaches the frozen metadata that decorators leave on classes and functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import Any

ATTRIBUTE = "__nestpy__"
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def attach(target: Any, kind: str, value: object) -> None:
    """Attach *value* as the metadata *kind* of *target*, leaving the other kinds as they are."""
    setattr(target, ATTRIBUTE, MappingProxyType({**own(target), kind: value}))


def extend(target: Any, kind: str, values: tuple[Any, ...]) -> None:
    """Put *values* in front of what *kind* holds, so that the upper of two decorators comes first."""
    attach(target, kind, (*values, *read(target, kind, ())))


def own(target: Any) -> Mapping[str, Any]:
    """Return the metadata in the target's own ``__dict__``; nothing is inherited."""
    found: Mapping[str, Any] = getattr(target, "__dict__", _EMPTY).get(ATTRIBUTE, _EMPTY)
    return found


def read(target: Any, kind: str, default: Any = None) -> Any:
    """Return one kind of metadata of *target*, or *default*."""
    return own(target).get(kind, default)


def functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions that instances of *cls* see, base classes first, each name once.

    A method of a base counts until a subclass overrides it: an override without a decorator
    therefore removes the handler.
    """
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__[:-1]):
        names.update(dict.fromkeys(base.__dict__))
    for name in names:
        found = next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)
        if isinstance(found, FunctionType):
            yield name, found

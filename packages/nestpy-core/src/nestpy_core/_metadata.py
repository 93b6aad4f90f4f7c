"""Reads and attaches the frozen metadata that decorators leave on classes and functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, GetSetDescriptorType, MappingProxyType
from typing import Any

__all__ = ("attach_metadata", "extend_metadata", "read_metadata")

ATTRIBUTE = "__nestpy__"
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_PLAIN = frozenset({FunctionType, str, type(None), dict, tuple, GetSetDescriptorType})
"""The types of members that hold no function."""


def attach_metadata(target: Any, kind: str, value: object) -> None:
    """Attach *value* as the metadata *kind* of *target*, leaving the other kinds as they are.

    Args:
        target: a class or a function, which a decorator then returns as it is.
        kind: begins with the name of the edge or plugin that reads it, for instance ``http_timeout``.
        value: anything immutable.
    """
    setattr(target, ATTRIBUTE, MappingProxyType({**own(target), kind: value}))


def extend_metadata(target: Any, kind: str, values: tuple[Any, ...]) -> None:
    """Put *values* in front of what *kind* holds, so that the upper of two decorators comes first."""
    attach_metadata(target, kind, (*values, *read_metadata(target, kind, ())))


def own(target: Any) -> Mapping[str, Any]:
    """Return the metadata in the target's own ``__dict__``; nothing is inherited."""
    found: Mapping[str, Any] = getattr(target, "__dict__", _EMPTY).get(ATTRIBUTE, _EMPTY)
    return found


def read_metadata(target: Any, kind: str, default: Any = None) -> Any:
    """Return one kind of metadata that *target* itself carries, or *default*; nothing is inherited."""
    found = getattr(target, "__dict__", _EMPTY).get(ATTRIBUTE)
    return default if found is None else found.get(kind, default)


def functions(cls: type) -> Iterator[tuple[type, str, FunctionType]]:
    """Yield the decorated functions that instances of *cls* see, with the class that wrote each: base classes first.

    A method of a base counts until a subclass overrides it: an override without a decorator
    therefore removes the handler.
    """
    for name, (owner, found) in _members(cls).items():
        if isinstance(found, FunctionType) and ATTRIBUTE in found.__dict__:
            yield owner, name, found


def strays(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions inside static methods, class methods and properties, which no instance binds as they are."""
    for name, (_, found) in _members(cls).items():
        if type(found) in _PLAIN:  # almost all of them: asked first, for the others take long
            continue
        inner = found.fget if isinstance(found, property) else getattr(found, "__func__", None)
        if isinstance(inner, FunctionType):
            yield name, inner


def _members(cls: type) -> dict[str, tuple[type, Any]]:
    """Return what instances of *cls* see, with the class that wrote each: base classes first."""
    bases = cls.__mro__[-2::-1]
    return {name: (base, found) for base in bases for name, found in base.__dict__.items()}

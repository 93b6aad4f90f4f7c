"""Reads and attaches the frozen metadata that decorators leave on classes and functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import Any

__all__ = ("attach_metadata", "extend_metadata", "read_metadata")

ATTRIBUTE = "__nestpy__"
_EMPTY: Mapping[str, Any] = MappingProxyType({})


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
    for owner, name, found in _members(cls):
        if isinstance(found, FunctionType) and ATTRIBUTE in found.__dict__:
            yield owner, name, found


def strays(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions inside static methods, class methods and properties, which no instance binds as they are."""
    for _, name, found in _members(cls):
        if isinstance(found, FunctionType | str | None):  # almost all of them: asked first, for the others take long
            continue
        inner = found.fget if isinstance(found, property) else getattr(found, "__func__", None)
        if isinstance(inner, FunctionType):
            yield name, inner


def _members(cls: type) -> Iterator[tuple[type, str, Any]]:
    names: dict[str, tuple[type, Any]] = {}
    for base in reversed(cls.__mro__[:-1]):
        names.update((name, (base, found)) for name, found in base.__dict__.items())
    for name, (owner, found) in names.items():
        yield owner, name, found

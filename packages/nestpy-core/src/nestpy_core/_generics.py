"""Says what type variables mean in a class: `Users(Repository[User])` fixes the `T` of `Repository`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, get_args, get_origin

Variables = Mapping[TypeVar, Any]


def variables_of(cls: type, token: Any = None) -> dict[type, Variables]:
    """Return, for *cls* and each generic base, what its type variables stand for.

    Args:
        cls: the class.
        token: what it is bound to; ``Repository[User]`` fixes the variables of *cls* itself.
    """
    found: dict[type, Variables] = {cls: _own_variables(cls, token)}
    waiting = [cls]
    while waiting:
        current = waiting.pop()
        for origin, arguments in _generic_bases(current):
            fixed = tuple(specialise(argument, found[current]) for argument in arguments)
            if origin not in found:
                found[origin] = _without_open(dict(zip(origin.__parameters__, fixed, strict=False)))
                waiting.append(origin)
        for base in current.__bases__:
            if base not in found and base not in (object, Generic, Protocol):
                found[base] = MappingProxyType({})
                waiting.append(base)
    return found


def _own_variables(cls: type, token: Any) -> Variables:
    """Match the token's arguments with the class: itself, or the base that the token names."""
    wanted = None if type(token) is type else get_origin(token)
    if wanted is None:
        return MappingProxyType({})
    if wanted is cls:
        return _without_open(dict(zip(_parameters(cls), get_args(token), strict=False)))
    for origin, arguments in _generic_bases(cls):
        if origin is wanted:
            pairs = zip(arguments, get_args(token), strict=False)
            return {variable: given for variable, given in pairs if isinstance(variable, TypeVar)}
    return MappingProxyType({})


def _generic_bases(cls: type) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and origin not in (Generic, Protocol) and _parameters(origin):
            yield origin, get_args(base)


def _parameters(cls: type) -> tuple[Any, ...]:
    found: tuple[Any, ...] = getattr(cls, "__parameters__", ())
    return found


def _without_open(found: dict[TypeVar, Any]) -> Variables:
    return {variable: given for variable, given in found.items() if variable is not given}


def specialise(hint: Any, variables: Variables) -> Any:
    """Return *hint* with its type variables replaced by what they stand for."""
    if not variables:
        return hint
    if isinstance(hint, TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or get_origin(hint) is None:
        return hint
    return hint[tuple(variables.get(parameter, parameter) for parameter in parameters)]


def is_open(hint: Any) -> bool:
    """Say whether a hint still has a type variable of which nothing says what it stands for."""
    if type(hint) is type:
        return False
    return isinstance(hint, TypeVar) or (get_origin(hint) is not None and bool(getattr(hint, "__parameters__", ())))


DEEPEST = 20
"""How deep parametrisations may nest: those that providers ask for on behalf of each other could grow for ever."""


def is_too_deep(hint: Any) -> bool:
    """Say whether a parametrisation nests deeper than anybody writes."""
    level = [hint]
    for _ in range(DEEPEST):
        below = (argument for each in level for argument in get_args(each) if get_origin(argument) is not None)
        level = list({id(argument): argument for argument in below}.values())
    return bool(level)

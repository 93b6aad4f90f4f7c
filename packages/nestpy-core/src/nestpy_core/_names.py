"""Names classes, tokens, functions and places the way every message and drawing does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

__all__ = ("name_of",)


def name_of(token: object) -> str:
    """Return the short name of a class, a parametrised generic, a `Token` or a function."""
    if isinstance(token, type) and token is not NoneType:
        return token.__qualname__.rpartition("<locals>.")[2]
    origin = get_origin(token)
    if origin in (Union, UnionType):
        return " | ".join(name_of(argument) for argument in get_args(token))
    if origin is not None:
        arguments = ", ".join(name_of(argument) for argument in get_args(token))
        return f"{name_of(origin)}[{arguments}]"
    if token is NoneType:
        return "None"
    qualified = getattr(token, "__qualname__", None)
    if isinstance(qualified, str):
        return qualified.rpartition("<locals>.")[2]
    name = getattr(token, "name", None) or getattr(token, "__name__", None)
    return name if isinstance(name, str) else repr(token)


def qualified(token: object) -> str:
    """Return the name that sorts: import path first, then qualified name."""
    origin = token if isinstance(token, type) else get_origin(token) or token
    return f"{getattr(origin, '__module__', '')}.{name_of(token)}"


def full_name(token: object) -> str:
    """Return the name with its import path, for two things that would be called the same."""
    origin = get_origin(token)
    if origin is not None:
        arguments = ", ".join(full_name(argument) for argument in get_args(token))
        return f"{full_name(origin)}[{arguments}]"
    path = getattr(token, "__module__", None)
    name = getattr(token, "__qualname__", None)
    return f"{path}.{name}" if isinstance(path, str) and isinstance(name, str) else name_of(token)


def holders_of(value: object) -> Iterator[tuple[str, str]]:
    """Yield where modules hold *value*: the module's name and the variable. It is for messages: it looks everywhere."""
    for module_name, module in list(sys.modules.items()):
        if issubclass(type(module), ModuleType):  # `__class__` may say so of anything
            names = object.__getattribute__(module, "__dict__")  # which loads no lazy module
            yield from [(module_name, name) for name, held in list(names.items()) if held is value]


def written(token: object) -> str | None:
    """Return how source code writes a token, a `Token` by a variable that holds it; None where no module has one."""
    if isinstance(token, type) or get_origin(token) is not None:
        return name_of(token)
    return next((variable for _, variable in holders_of(token)), None)


def is_private(token: object) -> bool:
    """Say whether the token's own name begins with an underscore."""
    named = token if isinstance(token, type) else get_origin(token) or token
    return name_of(named).rpartition(".")[2].startswith("_")


def place_of(target: Callable[..., Any] | type) -> str:
    """Return ``file:line`` of a class or function, or its module where there is no source."""
    code = getattr(inspect.unwrap(target), "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    try:
        return f"{inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]}"
    except (OSError, TypeError):
        return str(getattr(target, "__module__", "?"))

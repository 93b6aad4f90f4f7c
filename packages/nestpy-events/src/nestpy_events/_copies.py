"""How an event that can be changed is copied for each listener, decided once for each class."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec

Copier = Callable[[Any], Any]

IMMUTABLE = (int, float, str, bytes, frozenset, tuple, type(None))


def copier_of(cls: type) -> Copier | None:
    """Return what makes a shallow copy of an event; None where nobody can rebind the fields of one.

    Those are frozen Structs, dataclasses and attrs classes, tuples, and what is built of one value.
    """
    if is_frozen(cls):
        return None
    own: Copier | None = getattr(cls, "__copy__", None)
    if own is not None:
        return own
    return _cloner(cls) if _is_plain(cls) else copy.copy


def is_frozen(cls: type) -> bool:
    """Say whether nobody can rebind the fields of its instances."""
    if issubclass(cls, msgspec.Struct):
        return cls.__struct_config__.frozen
    parameters = getattr(cls, "__dataclass_params__", None)
    if parameters is not None:
        return bool(parameters.frozen)
    frozen_attrs = getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"
    return frozen_attrs or issubclass(cls, IMMUTABLE)


def _is_plain(cls: type) -> bool:
    """Say whether instances are their ``__dict__`` and nothing else: then a copy takes a quarter of the time."""
    hooks = ("__new__", "__reduce__", "__reduce_ex__", "__getstate__")
    own = any(getattr(cls, name) is not getattr(object, name) for name in hooks) or hasattr(cls, "__setstate__")
    return not own and all("__slots__" not in base.__dict__ for base in cls.__mro__[:-1])


def _cloner(cls: type) -> Copier:
    new = object.__new__

    def clone(event: Any) -> Any:  # an instance of cls
        made: Any = new(cls)
        made.__dict__.update(event.__dict__)
        return made

    return clone

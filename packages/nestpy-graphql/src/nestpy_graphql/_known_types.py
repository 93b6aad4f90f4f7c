"""What types of results and of arguments have in common: scalars, enumerations, names that are taken."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from graphql import GraphQLNamedType, GraphQLNonNull

from nestpy_core import name_of

from ._enumerations import Enumeration, check_members
from ._scalars import SCALARS, Scalar, custom_scalar
from ._shapes import ShapeField, fields_of
from .errors import TypeMappingError

_LISTS = (list, tuple, set, frozenset, Collection, Iterable)


class KnownTypes:
    """The scalars and enumerations of one app, and the names that are taken.

    Attributes:
        problems: what was found while fields and arguments were made.
        shown_as: the output types by class.
    """

    def __init__(self, scalars: Mapping[Any, Scalar]) -> None:
        self.problems: list[TypeMappingError] = []
        self.shown_as: dict[Any, GraphQLNamedType] = {}
        self._names: dict[str, Any] = {}
        self._scalars = {**SCALARS, **{cls: custom_scalar(one) for cls, one in scalars.items()}}

    def _known(self, hint: Any) -> GraphQLNamedType | None:
        """Return the scalar or the enumeration of a type."""
        if (get_origin(hint) or hint) is dict:
            hint = dict
        try:
            found: GraphQLNamedType | None = self._scalars.get(hint)
        except TypeError:
            return None
        if found is not None:
            self._claim(found.name, found)
            return found
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._enumeration(hint)
        if get_origin(hint) is Literal:
            return self._scalars.get(_only([type(value) for value in get_args(hint)]))
        supertype = getattr(hint, "__supertype__", None)
        return None if supertype is None else self._known(supertype)

    def _enumeration(self, cls: type[enum.Enum]) -> GraphQLNamedType:
        if cls not in self.shown_as:
            self._claim(cls.__name__, cls)
            check_members(cls)
            self.shown_as[cls] = Enumeration(cls)  # pyright: ignore[reportArgumentType]  # it sees the base's __new__
        return self.shown_as[cls]

    def _claim(self, name: str, owner: Any) -> None:
        known = self._names.setdefault(name, owner)
        if known is not owner and known != owner:
            raise TypeMappingError(
                f"Two types are called `{name}`: {_where(known)} and {_where(owner)}.",
                "give one class another name",
            )


def checked_fields(hint: Any, instead: str) -> list[ShapeField]:
    """Return the fields of a data class.

    Raises:
        TypeMappingError: it has none, or an annotation that cannot be read.
    """
    try:
        found = fields_of(hint)
    except NameError as error:
        raise TypeMappingError(
            f"`{name_of(hint)}` has an annotation that cannot be read: {error}.",
            "define or import the name in the module of the class, not in a function or under `TYPE_CHECKING`",
        ) from None
    if not found:
        raise TypeMappingError(
            f"`{name_of(hint)}` has no field, which GraphQL asks of every type.", f"give it a field, or {instead}"
        )
    check_apart(((one.name, one.wire) for one in found), name_of(hint), "fields")
    return found


def check_apart(names: Iterable[tuple[str, str]], label: str, what: str) -> None:
    """Refuse two names of Python that clients would see as one.

    Args:
        names: each in Python, and what clients call it.
        label: whose they are.
        what: what they are.

    Raises:
        TypeMappingError: there are two.
    """
    known: dict[str, str] = {}
    for name, wire in names:
        if known.setdefault(wire, name) != name:
            raise TypeMappingError(
                f"`{label}` has the {what} `{known[wire]}` and `{name}`, which are both `{wire}` to clients.",
                "give one of them another name",
            )


def item_of(hint: Any) -> Any:
    """Return what a list is made of; None for what is no list."""
    origin, given = get_origin(hint), get_args(hint)
    if not isinstance(origin, type) or not given or not issubclass(origin, _LISTS) or issubclass(origin, Mapping | str):
        return None
    if origin is tuple:
        return given[0] if len(given) == 2 and given[1] is Ellipsis else None  # ``tuple[T, ...]``
    return given[0]


def _only(kinds: list[type]) -> type | None:
    """Return the class that all have; None where they differ."""
    return kinds[0] if len(set(kinds)) == 1 else None


def nullable_type(found: Any) -> Any:
    return found.of_type if isinstance(found, GraphQLNonNull) else found


def full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _where(owner: Any) -> str:
    if isinstance(owner, tuple):
        return f"the {owner[0]} `{name_of(owner[1]) if owner[0] == 'input' else owner[-1]}`"
    if isinstance(owner, type):
        return f"`{full_name(owner)}`"
    return f"`{owner}`" if isinstance(owner, str) else f"`{name_of(owner)}`"

"""Enumerations: what GraphQL makes of Python's, and which it cannot take."""

from __future__ import annotations

import enum
from typing import Any

from graphql import GraphQLEnumType, GraphQLEnumValue

from nestpy_core import name_of

from ._markers import NAME
from ._naming import description_of
from .errors import TypeMappingError


class Enumeration(GraphQLEnumType):
    """An enumeration whose values may be its members or what they stand for."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        values = {name: GraphQLEnumValue(member.value) for name, member in cls.__members__.items()}
        super().__init__(cls.__name__, values, description=description_of(cls) or None)
        self.of_class = cls
        self.serialize = self.coerce_output_value  # type: ignore[method-assign]  # its former name, which may be asked

    def coerce_output_value(self, output_value: Any) -> str:
        """Return the name of a value."""
        if isinstance(output_value, enum.Enum):
            return output_value.name
        return self.of_class(output_value).name


def check_members(cls: type[enum.Enum]) -> None:
    """Refuse an enumeration with members that GraphQL has no names for (specification, October 2021, section 3.9).

    Raises:
        TypeMappingError: it is one.
    """
    for name in cls.__members__:
        if not NAME.fullmatch(name) or name.startswith("__") or name in ("true", "false", "null"):
            raise TypeMappingError(
                f"`{name_of(cls)}` has the member `{name}`, which is no name of a value in GraphQL.",
                "letters, digits and underscores, not two at the beginning, and none of `true`, `false` and `null`",
            )
    if not cls.__members__:
        raise TypeMappingError(
            f"`{name_of(cls)}` has no member, which GraphQL asks of every enumeration.", "give it one"
        )


def check_decodable(cls: type[enum.Enum], label: str) -> None:
    """Refuse, as an argument, an enumeration whose members msgspec does not find by their values.

    Raises:
        TypeMappingError: it is one.
    """
    values = [member.value for member in cls]
    if not any(all(isinstance(value, kind) for value in values) for kind in (str, int)):
        raise TypeMappingError(
            f"`{label}` is `{name_of(cls)}`, whose values are neither all texts nor all integers.",
            "give its members such values, or take another argument",
        )

"""The types of arguments: inputs of Python's data classes, enumerations and scalars."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, get_origin

import msgspec
from graphql import (
    GraphQLDefaultInput,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLString,
)
from graphql.utilities.value_to_literal import value_to_literal

from nestpy_core import ExecutionContext, name_of
from nestpy_http import Request

from ._enumerations import Enumeration, check_decodable
from ._known_types import KnownTypes, checked_fields, item_of, nullable_type
from ._naming import description_of, type_name
from ._scalars import Scalar
from ._shapes import ShapeField, is_data_class, known_members, without_metadata
from .errors import TypeMappingError


class InputTypes(KnownTypes):
    """The types of one app's arguments, each made once."""

    def __init__(self, scalars: Mapping[Any, Scalar]) -> None:
        super().__init__(scalars)
        self._given_as: dict[Any, GraphQLNamedType] = {}

    def input(self, hint: Any, label: str) -> Any:  # an input type
        """Return the type of an argument.

        Args:
            hint: a resolved annotation.
            label: whose it is, for messages.

        Raises:
            TypeMappingError: GraphQL has no type for it.
        """
        members, nullable = known_members(without_metadata(hint))
        if len(members) != 1:
            raise TypeMappingError(
                f"`{label}` is `{name_of(hint)}`, and GraphQL has no unions of arguments.",
                "take one type, or several optional arguments",
            )
        found = self._input(members[0], label)
        return found if nullable else GraphQLNonNull(found)

    def _input(self, hint: Any, label: str) -> Any:
        if get_origin(hint) is Annotated:
            return nullable_type(self.input(hint, label))
        known = self._known(hint)
        if known is not None:
            if isinstance(known, Enumeration):
                check_decodable(known.of_class, label)
            return known
        item = item_of(hint)
        if item is not None:
            return GraphQLList(self.input(item, label))
        if hint not in self._given_as:
            if not is_data_class(hint) or issubclass(get_origin(hint) or hint, ExecutionContext):
                raise _no_input(hint, label)
            self._input_object(hint)
        return self._given_as[hint]

    def _input_object(self, hint: Any) -> None:
        name = type_name(hint)
        name = name if name.endswith("Input") else f"{name}Input"
        self._claim(name, ("input", hint))
        self._given_as[hint] = GraphQLInputObjectType(
            name,
            lambda: {one.wire: self._input_field(hint, one) for one in checked_fields(hint, "take no such argument")},
            description=description_of(get_origin(hint) or hint) or None,
        )

    def _input_field(self, hint: Any, one: ShapeField) -> GraphQLInputField:
        label = f"{name_of(hint)}.{one.name}"
        found, default = self.of_argument(one.hint, one.default, label, required=one.required)
        return GraphQLInputField(found, default=default, description=one.description or None, out_name=one.key)

    def of_argument(self, hint: Any, default: Any, label: str, *, required: bool) -> tuple[Any, Any]:
        """Return the type of an input with its default; null, or what GraphQL cannot write, makes it nullable."""
        try:
            found = self.input(hint, label)
        except TypeMappingError as error:
            self.problems.append(error)
            return GraphQLString, None
        if required:
            return found, None
        known = default.name if isinstance(default, enum.Enum) and default is not msgspec.UNSET else default
        if not isinstance(known, str | int | float) or value_to_literal(known, found) is None:
            return nullable_type(found), None
        return found, GraphQLDefaultInput(known)


def _no_input(hint: Any, label: str) -> TypeMappingError:
    """Say that GraphQL has no input of a type, and what to take instead."""
    edit = "annotate it with a Struct, a dataclass, an enumeration or a scalar"
    if hint is inspect.Parameter.empty:
        return TypeMappingError(f"`{label}` says nothing of its type.", edit)
    name = name_of(hint)
    if isinstance(hint, type) and issubclass(hint, ExecutionContext):
        return TypeMappingError(f"`{label}` is `{name}`, which a field is not given.", "take `GraphqlContext`")
    if hint is Request:
        edit = "take `GraphqlRequest`: its `headers` and `http` are those of the request"
        return TypeMappingError(f"`{label}` is `{name}`, which a field is not given.", edit)
    return TypeMappingError(f"`{label}` is `{name}`, for which GraphQL has no input type.", edit)

"""The arguments of a field: their GraphQL types, and how they become what the handler takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from graphql import GraphQLArgument

from nestpy_core import ForeignTypes, Graph, Handler, Parameter, ViolationsError, failures_of

from ._known_types import check_apart
from ._loaders import is_loader
from ._naming import camel, described_names
from ._request import GraphqlContext, GraphqlRequest
from ._shapes import MISSING, by_keys, described
from ._types import Types
from .errors import TypeMappingError


def data_parameters(handler: Handler, *, parent: bool) -> list[Parameter]:
    """Return the parameters that clients fill: neither injected nor of the operation itself."""
    taken = list(handler.parameters)
    if parent and taken:
        taken = taken[1:]
    return [one for one in taken if not is_given(one)]


def is_given(one: Parameter) -> bool:
    """Say whether a parameter is filled by the framework."""
    if one.inject is not None or one.context_reader is not None or is_loader(one.hint):
        return True
    return one.plain_hint in (GraphqlRequest, GraphqlContext)


def graphql_arguments(
    handler: Handler, parameters: Sequence[Parameter], types: Types, names: Mapping[str, str]
) -> dict[str, GraphQLArgument]:
    """Return the arguments of a field as clients see them; what is wrong with them joins the problems of *types*.

    Args:
        handler: whose they are.
        parameters: those that clients fill.
        types: of the app.
        names: what clients call those whose name is not the parameter's in camelCase.
    """
    try:
        check_apart(
            ((one.name, names.get(one.name, camel(one.name))) for one in parameters), handler.label, "arguments"
        )
    except TypeMappingError as error:
        types.problems.append(error)
    texts = described_names(handler.function)
    found = {}
    for one in parameters:
        default = MISSING if one.default is inspect.Parameter.empty else one.default
        kind, value = types.of_argument(one.hint, default, f"{handler.label}({one.name})", required=one.required)
        found[names.get(one.name, camel(one.name))] = GraphQLArgument(
            kind,
            default=value,
            description=described(one.hint) or texts.get(one.name) or None,
            out_name=one.name,
        )
    return found


class Arguments:
    """Decodes the arguments of one field."""

    def __init__(
        self,
        graph: Graph,
        handler: Handler,
        parameters: Sequence[Parameter],
        names: Mapping[str, str],
        *,
        by_wire: bool,
    ) -> None:
        fields = [
            (one.name, one.hint) if one.required else (one.name, one.hint, _default(one.default)) for one in parameters
        ]
        self._struct = msgspec.defstruct(f"{handler.name}_arguments", fields, kw_only=True)
        self._foreign = ForeignTypes(graph).decode
        self._names = names
        self._hints = {one.name: one.hint for one in parameters} if by_wire else {}

    def decode(self, given: dict[str, Any]) -> Any:  # an instance of the struct
        """Return decoded arguments.

        Raises:
            ViolationsError: they break a rule that GraphQL's types do not know; it names every field that is wrong.
        """
        if self._hints:  # types in schema language know no other names than clients do
            given = {name: by_keys(self._hints[name], value) for name, value in given.items()}
        try:
            return msgspec.convert(given, self._struct, dec_hook=self._foreign)
        except (ValueError, RecursionError) as error:
            found = failures_of(self._struct, given, error, self._foreign)
            raise ViolationsError({self._named(path): failures for path, failures in found.items()}) from None

    def _named(self, path: str) -> str:
        head, dot, rest = path.partition(".")
        return f"{self._names.get(head, head)}{dot}{rest}"


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=lambda: type(value)(value))
    if isinstance(value, msgspec.Struct):
        return msgspec.field(default_factory=lambda: value)
    return value


Decode = Callable[[dict[str, Any]], Any]

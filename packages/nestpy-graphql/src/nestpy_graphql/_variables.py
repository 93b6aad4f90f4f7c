"""Reads the variables of an operation; what is wrong with them is named by its place, never by its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    type_from_ast,
)
from graphql.execution.values import coerce_variable_values
from graphql.pyutils import Undefined

MAX_ERRORS = 20


class InvalidVariablesError(ValueError):
    """Variables do not fit.

    Attributes:
        error: as the response holds it.
    """

    def __init__(self, error: GraphQLError) -> None:
        super().__init__(error.message)
        self.error = error


class _UnfitError(Exception):
    """A variable does not fit: which ones, and where, is found out afterwards."""


def variables_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any], most: int
) -> VariableValues:
    """Return the coerced variables of an operation.

    Args:
        schema: whose types they have.
        operation: that declares them.
        given: as they came.
        most: values that they may hold together, in lists and objects however deep.

    Raises:
        InvalidVariablesError: they do not fit, each place that is wrong being named, or hold too much.
    """
    if holds_more(given, most):
        message = f"The variables hold more than the {most} values that are allowed"
        extensions = {"code": "LIMIT_EXCEEDED", "limit": "max_values", "allowed": most}
        raise InvalidVariablesError(GraphQLError(message, extensions=extensions))
    try:
        return coerce_variable_values(
            schema, operation.variable_definitions or (), dict(given), _stop, hide_suggestions=True
        )
    except RecursionError:
        raise InvalidVariablesError(_error({"": [_failure("type", "Nested too deeply")]})) from None
    except (GraphQLError, _UnfitError):
        raise InvalidVariablesError(_error(_failures(schema, operation, given))) from None


def holds_more(value: Any, most: int) -> bool:
    """Say whether lists and objects hold more than *most* values together."""
    left = most
    waiting = [value]
    while waiting:
        one = waiting.pop()
        left -= len(one)
        if left < 0:
            return True
        inner = one.values() if isinstance(one, Mapping) else one
        waiting += [item for item in inner if item.__class__ is list or item.__class__ is dict]
    return False


def _stop(error: GraphQLError) -> None:
    """End the coercion at the first value that does not fit: a million of them would take a minute.

    Raises:
        _UnfitError: always.
    """
    raise _UnfitError from error


def _error(failures: dict[str, list[dict[str, str]]]) -> GraphQLError:
    extensions = {"code": "BAD_USER_INPUT", "errors": failures}
    return GraphQLError("Invalid variables", extensions=extensions)


def _failures(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        value = given.get(name, Undefined)
        if value is Undefined and definition.default_value is not None:
            continue
        for path, failure in _walk(type_from_ast(schema, definition.type), value, name):
            if len(found) == MAX_ERRORS and path not in found:
                return found
            found.setdefault(path, []).append(failure)
    return found or {"": [_failure("invalid", "Invalid value")]}


def _walk(kind: Any, value: Any, path: str, shown: Any = None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what does not fit, place by place; *shown* is the type as the schema has it there."""
    shown = shown or kind
    if isinstance(kind, GraphQLNonNull):
        if value is Undefined:
            yield path, _failure("required", f"Expected `{kind}`")
        elif value is None:
            yield path, _failure("type", f"Expected `{kind}`, got null")
        else:
            yield from _walk(kind.of_type, value, path, kind)
    elif value is None or value is Undefined:
        return
    elif isinstance(kind, GraphQLList):
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            yield from _walk(kind.of_type, item, f"{path}.{index}")
    elif isinstance(kind, GraphQLInputObjectType):
        yield from _walk_object(kind, value, path, shown)
    elif not _fits(kind, value):
        yield path, _failure("type", f"Expected `{shown}`")


def _walk_object(
    kind: GraphQLInputObjectType, value: Any, path: str, shown: Any
) -> Iterator[tuple[str, dict[str, str]]]:
    if not isinstance(value, dict):
        yield path, _failure("type", f"Expected `{shown}`")
        return
    for name, field in kind.fields.items():
        item = value.get(name, Undefined)
        if item is not Undefined or field.default is None:
            yield from _walk(field.type, item, f"{path}.{name}")
    for name in value:
        if name not in kind.fields:
            yield f"{path}.{name[:100]}", _failure("unknown_field", "Unknown field")


def _fits(kind: Any, value: Any) -> bool:
    try:
        return kind.coerce_input_value(value) is not Undefined
    except Exception:  # noqa: BLE001  # whatever a scalar raises, the value does not fit
        return False


def _failure(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}

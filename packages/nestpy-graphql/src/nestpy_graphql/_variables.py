"""Reads the variables of an operation; what is wrong with them is named by its place, never by its value."""

from __future__ import annotations

from collections.abc import Mapping
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


def variables_of(schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
    """Return the coerced variables of an operation.

    Raises:
        InvalidVariablesError: they do not fit, each place that is wrong being named.
    """
    errors: list[GraphQLError] = []
    try:
        found = coerce_variable_values(
            schema, operation.variable_definitions or (), dict(given), errors.append, hide_suggestions=True
        )
    except RecursionError:
        raise InvalidVariablesError(_error({"": [_failure("type", "Nested too deeply")]})) from None
    except GraphQLError as error:
        errors.append(error)
        found = VariableValues({}, {})
    if errors:
        raise InvalidVariablesError(_error(_failures(schema, operation, given)))
    return found


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
            if len(found) < MAX_ERRORS:
                found.setdefault(path, []).append(failure)
    return found or {"": [_failure("invalid", "Invalid value")]}


def _walk(kind: Any, value: Any, path: str) -> list[tuple[str, dict[str, str]]]:
    if isinstance(kind, GraphQLNonNull):
        if value is Undefined:
            return [(path, _failure("required", f"Expected `{kind}`"))]
        if value is None:
            return [(path, _failure("type", f"Expected `{kind}`, got null"))]
        failures = _walk(kind.of_type, value, path)
        own = (path, _failure("type", f"Expected `{kind.of_type}`"))
        return [(path, _failure("type", f"Expected `{kind}`"))] if failures == [own] else failures
    if value is None or value is Undefined:
        return []
    if isinstance(kind, GraphQLList):
        items = value if isinstance(value, list) else [value]
        return [one for index, item in enumerate(items) for one in _walk(kind.of_type, item, f"{path}.{index}")]
    if isinstance(kind, GraphQLInputObjectType):
        if not isinstance(value, dict):
            return [(path, _failure("type", f"Expected `{kind}`"))]
        known = [
            one for name, field in kind.fields.items() for one in _walk_field(field, value, name, f"{path}.{name}")
        ]
        unknown = [name for name in value if name not in kind.fields]
        return [*known, *((f"{path}.{name[:100]}", _failure("unknown_field", "Unknown field")) for name in unknown)]
    try:
        fits = kind.coerce_input_value(value) is not Undefined
    except Exception:  # noqa: BLE001  # whatever a scalar raises, the value does not fit
        fits = False
    return [] if fits else [(path, _failure("type", f"Expected `{kind}`"))]


def _walk_field(field: Any, value: dict[str, Any], name: str, path: str) -> list[tuple[str, dict[str, str]]]:
    item = value.get(name, Undefined)
    if item is Undefined and field.default is not None:
        return []
    return _walk(field.type, item, path)


def _failure(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}

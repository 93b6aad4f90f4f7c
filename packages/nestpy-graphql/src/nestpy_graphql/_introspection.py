"""Answers `__schema` and `__type`, the two fields that graphql-core resolves: data beside them takes its usual way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    execute,
    visit,
)

from ._plan import PlannedField
from ._run import Path, Run

if TYPE_CHECKING:
    from ._plan import Complete

NAMES = frozenset({"__schema", "__type"})


class IntrospectedField(PlannedField):
    """One field that tells of the schema."""

    __slots__ = ()

    def __init__(self, key: str, nodes: list[FieldNode], complete: Complete) -> None:
        self.key = key
        self.label = nodes[0].name.value
        self.nodes = nodes
        self.definition = None
        self.get = lambda _source: True
        self.function = self.call = None
        self.deferred = False
        self.given = None
        self.nested = False
        self.nullable = True
        self.complete = complete
        self.awaits = False


def introspected(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    key: str,
    nodes: list[FieldNode],
) -> IntrospectedField:
    """Return the field that *nodes* select, which asks graphql-core for nothing else of the operation."""
    selected = SelectionSetNode(selections=tuple(nodes))
    found = _Variables()
    for node in (selected, *fragments.values()):
        visit(node, found)
    definitions = tuple(one for one in operation.variable_definitions or () if one.variable.name.value in found.names)
    names = [one.variable.name.value for one in definitions]
    kind = operation.operation
    own = OperationDefinitionNode(operation=kind, variable_definitions=definitions, selection_set=selected)
    document = DocumentNode(definitions=(own, *fragments.values()))

    def complete(value: Any, run: Run, path: Path) -> Any:
        del value, path
        known = run.variables.coerced
        given = {name: known[name] for name in names if name in known}
        result = execute(schema, document, variable_values=given)
        assert isinstance(result, ExecutionResult)  # noqa: S101  # the schema tells of itself without waiting
        if result.errors:
            raise result.errors[0]
        return (result.data or {})[key]

    return IntrospectedField(key, nodes, complete)


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Take its name."""
        self.names.add(node.name.value)

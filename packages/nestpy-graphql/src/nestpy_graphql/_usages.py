"""Leaves of a document what the rules about variables need: its variables, and the way to each.

graphql-core walks every operation and fragment a second time for those rules, whatever it holds. What remains of a
document whose fields use few variables is small.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphql.language import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from ._definitions import with_definitions


def with_variables(document: DocumentNode) -> DocumentNode:
    """Return the document without what holds no variable and spreads no fragment."""
    return with_definitions(
        document,
        lambda node: replace(node, directives=_directives(node.directives), selection_set=_set(node.selection_set)),
    )


def _set(node: SelectionSetNode) -> SelectionSetNode:
    return replace(node, selections=tuple(kept for one in node.selections if (kept := _selection(one)) is not None))


def _selection(node: SelectionNode) -> SelectionNode | None:
    """Return what is left of a selection; None where nothing is."""
    if isinstance(node, FragmentSpreadNode):
        return replace(node, directives=_directives(node.directives)) if node.directives else node
    directives = _directives(node.directives)
    if isinstance(node, InlineFragmentNode):
        below = _set(node.selection_set)
        return replace(node, directives=directives, selection_set=below) if directives or below.selections else None
    if not isinstance(node, FieldNode):
        return node
    arguments = _arguments(node.arguments)
    selected = _set(node.selection_set) if node.selection_set else None
    if not arguments and not directives and not (selected and selected.selections):
        return None
    return replace(node, arguments=arguments, directives=directives, selection_set=selected)


def _directives(nodes: Iterable[DirectiveNode] | None) -> tuple[DirectiveNode, ...]:
    kept = ((node, _arguments(node.arguments)) for node in nodes or ())
    return tuple(replace(node, arguments=arguments) for node, arguments in kept if arguments)


def _arguments(nodes: Iterable[ArgumentNode] | None) -> tuple[ArgumentNode, ...]:
    kept = ((node, _value(node.value)) for node in nodes or ())
    return tuple(replace(node, value=value) for node, value in kept if value is not None)


def _value(node: ValueNode) -> ValueNode | None:
    """Return what is left of a value; None where it holds no variable."""
    if isinstance(node, VariableNode):
        return node
    if isinstance(node, ListValueNode):
        values = tuple(kept for one in node.values if (kept := _value(one)) is not None)
        return replace(node, values=values) if values else None
    if isinstance(node, ObjectValueNode):
        fields = tuple(replace(one, value=kept) for one in node.fields if (kept := _value(one.value)) is not None)
        return replace(node, fields=fields) if fields else None
    return None

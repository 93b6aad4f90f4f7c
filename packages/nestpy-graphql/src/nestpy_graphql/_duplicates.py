"""Merges the fields of a document that say the same, so that the rules compare what differs and nothing twice.

graphql-core compares every two fields with one name in the answer. ``{ a { x } a { x } … }`` therefore costs the square
of its length. Fields of one selection set with the same alias, name, arguments and directives mean one field that
selects what all of them select (GraphQL specification, section 5.3.2), and are made one here; equal fragments likewise.
The result is for the rules alone: order in the answer is the executed document's, which stays as it was parsed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from graphql.language import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from ._definitions import with_definitions

LABELLED = frozenset({"defer", "stream"})
"""Directives whose labels must differ: what carries them is never merged."""


def merged(document: DocumentNode) -> DocumentNode:
    """Return the document with equal selections merged; it breaks a rule exactly when the original does."""
    return with_definitions(
        document,
        lambda node: replace(node, selection_set=_set(node.selection_set, node.selection_set.selections)),
    )


def _set(original: SelectionSetNode, selections: Iterable[SelectionNode]) -> SelectionSetNode:
    first: dict[Hashable, SelectionNode] = {}
    below: dict[Hashable, list[SelectionNode]] = {}
    for node in selections:
        key = _key(node)
        if key in first:
            below[key] += _below(node)
        else:
            first[key] = node
            below[key] = list(_below(node))
    return replace(original, selections=tuple(_node(node, below[key]) for key, node in first.items()))


def _below(node: SelectionNode) -> Sequence[SelectionNode]:
    if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
        return node.selection_set.selections
    return ()


def _node(node: SelectionNode, below: Sequence[SelectionNode]) -> SelectionNode:
    if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
        return replace(node, selection_set=_set(node.selection_set, below))
    return node


def _key(node: SelectionNode) -> Hashable:
    directives = tuple(_directive(one) for one in node.directives or ())
    if directives and any(one.name.value in LABELLED for one in node.directives or ()):
        return id(node)
    if isinstance(node, FieldNode):
        alias = node.alias.value if node.alias else node.name.value
        # a field with a selection is wrong where one without is right: they stay apart
        return alias, node.name.value, _arguments(node.arguments), directives, node.selection_set is None
    if isinstance(node, FragmentSpreadNode):
        return "spread", node.name.value, directives
    if isinstance(node, InlineFragmentNode):
        return "inline", node.type_condition.name.value if node.type_condition else None, directives
    return id(node)


def _directive(node: DirectiveNode) -> Hashable:
    return node.name.value, _arguments(node.arguments)


def _arguments(nodes: Sequence[ArgumentNode] | None) -> Hashable:
    if not nodes:
        return ()
    return tuple(sorted(((one.name.value, _value(one.value)) for one in nodes), key=lambda pair: pair[0]))


def _value(node: ValueNode) -> Hashable:
    if isinstance(node, VariableNode):
        return "variable", node.name.value
    if isinstance(node, ListValueNode):
        return "list", tuple(_value(one) for one in node.values)
    if isinstance(node, ObjectValueNode):
        return "object", tuple((field.name.value, _value(field.value)) for field in node.fields)
    if isinstance(node, NullValueNode):
        return "null"
    return node.kind, node.value  # type: ignore[attr-defined]  # scalars and enums have one

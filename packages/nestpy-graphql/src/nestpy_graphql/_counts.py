"""Counts what a document holds in one pass over its tree, fragments taken as written out where they are spread.

A fragment is counted once, after those that it spreads, and its counts are added wherever it is spread: the work is
linear in the document although the counts may grow exponentially. Names decide nothing: a fragment called ``__schema``
is a fragment. Parsed documents nest at most 200 levels in one definition, so recursion inside one is bounded; chains
of fragments are walked without recursion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from ._limits import Limits
from ._refused import limit_exceeded, refusal

if TYPE_CHECKING:
    from graphql import GraphQLError

INTROSPECTION = frozenset({"__schema", "__type"})

INTROSPECTION_DEPTH = 20
"""Depth allowed under ``__schema`` and ``__type``; the standard query has 13; ``ofType`` may go deeper."""


@dataclass(slots=True)
class Counts:
    """What a selection set holds, written out.

    Attributes:
        fields: fields at its own level.
        depth: fields inside each other, without those that describe the schema.
        described: the same inside ``__schema`` and ``__type``.
        aliases: fields whose name in the answer is not their own.
        directives: directives on anything inside.
    """

    fields: int = 0
    depth: int = 0
    described: int = 0
    aliases: int = 0
    directives: int = 0

    def spread(self, other: Counts) -> None:
        """Add a fragment at this level."""
        self.fields += other.fields
        self.depth = max(self.depth, other.depth)
        self.described = max(self.described, other.described)
        self.aliases += other.aliases
        self.directives += other.directives

    def nest(self, name: str, below: Counts) -> None:
        """Add a field of this level; *below* is what it selects."""
        self.fields += 1
        self.aliases += below.aliases
        self.directives += below.directives
        if name in INTROSPECTION:
            self.depth = max(self.depth, 1)
            self.described = max(self.described, below.depth, below.described)
        else:
            self.depth = max(self.depth, 1 + below.depth)
            self.described = max(self.described, below.described)


NOTHING = Counts()


class Definitions:
    """The operations and fragments of a document, and how fragments spread each other."""

    __slots__ = ("_spreads", "fragments", "operations")

    def __init__(self, document: DocumentNode) -> None:
        self.operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._spreads = {name: list(spreads_in(node.selection_set)) for name, node in self.fragments.items()}

    def ordered(self) -> tuple[list[str], list[str]]:
        """Return the fragments, each after those that it spreads, and the first cycle among them (empty if none)."""
        order: list[str] = []
        done: set[str] = set()
        for root in self.fragments:
            path: dict[str, Iterator[str]] = {} if root in done else {root: iter(self._spreads[root])}
            while path:
                name = next(reversed(path))
                spread = next((one for one in path[name] if one in self._spreads and one not in done), None)
                if spread is None:
                    del path[name]
                    done.add(name)
                    order.append(name)
                elif spread in path:
                    names = list(path)
                    return order, [*names[names.index(spread) :], spread]
                else:
                    path[spread] = iter(self._spreads[spread])
        return order, []


def spreads_in(selections: SelectionSetNode) -> Iterator[str]:
    """Yield the names of the fragments spread anywhere below."""
    stack = [selections]
    while stack:
        for node in stack.pop().selections:
            if isinstance(node, FragmentSpreadNode):
                yield node.name.value
            elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                stack.append(node.selection_set)


def count(selections: SelectionSetNode, fragments: Mapping[str, Counts]) -> Counts:
    """Count a selection set; *fragments* holds the counts of those that it may spread."""
    counts = Counts()
    for node in selections.selections:
        counts.directives += len(node.directives or ())
        if isinstance(node, FieldNode):
            name = node.name.value
            counts.aliases += node.alias is not None and node.alias.value != name
            counts.nest(name, count(node.selection_set, fragments) if node.selection_set else NOTHING)
        elif isinstance(node, FragmentSpreadNode):
            counts.spread(fragments.get(node.name.value, NOTHING))
        elif isinstance(node, InlineFragmentNode):
            counts.spread(count(node.selection_set, fragments))
    return counts


def count_operations(definitions: Definitions, order: Sequence[str]) -> list[Counts]:
    """Count every operation, and its own and its variables' directives; *order* is that of the fragments."""
    fragments: dict[str, Counts] = {}
    for name in order:
        node = definitions.fragments[name]
        fragments[name] = count(node.selection_set, fragments)
        fragments[name].directives += len(node.directives or ())
    counted = []
    for operation in definitions.operations:
        counts = count(operation.selection_set, fragments)
        counts.directives += len(operation.directives or ())
        counts.directives += sum(len(variable.directives or ()) for variable in operation.variable_definitions or ())
        counted.append(counts)
    return counted


def excesses(definitions: Definitions, limits: Limits) -> list[GraphQLError]:
    """Return what a document has too much of; a cycle of fragments counts as endless."""
    found = _too_many(definitions, limits)
    if found:
        return found
    order, cycle = definitions.ordered()
    if cycle:
        drawn = " → ".join(f"`{name[:40]}`" for name in cycle[:8]) + (" → …" if len(cycle) > 8 else "")
        node = definitions.fragments[cycle[0]]
        return [refusal("GRAPHQL_VALIDATION_FAILED", f"The fragment spreads itself: {drawn}.", node)]
    for operation, counts in zip(definitions.operations, count_operations(definitions, order), strict=True):
        for name, what, seen, allowed in (
            ("max_depth", "levels of fields", counts.depth, limits.max_depth),
            ("max_depth", "levels below `__schema` or `__type`", counts.described, INTROSPECTION_DEPTH),
            ("max_root_fields", "fields at its root", counts.fields, limits.max_root_fields),
            ("max_aliases", "aliases", counts.aliases, limits.max_aliases),
            ("max_directives", "directives", counts.directives, limits.max_directives),
        ):
            if seen > allowed:
                message = (
                    f"The operation has {readable(seen)} {what} with its fragments written out; {allowed} are allowed."
                )
                found.append(limit_exceeded(name, allowed, message, operation))
    return found


def _too_many(definitions: Definitions, limits: Limits) -> list[GraphQLError]:
    return [
        limit_exceeded(name, allowed, f"The document defines {seen} {what}; {allowed} are allowed.")
        for name, what, seen, allowed in (
            ("max_operations", "operations", len(definitions.operations), limits.max_operations),
            ("max_fragments", "fragments", len(definitions.fragments), limits.max_fragments),
        )
        if seen > allowed
    ]


def readable(number: int) -> str:
    """Write a count that may have thousands of digits."""
    return str(number) if number < 1_000_000 else "over a million"


def describes_schema(document: DocumentNode) -> FieldNode | None:
    """Return a field that asks for the schema itself, wherever it stands in the document; None if none does."""
    stack = [
        node.selection_set
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while stack:
        for node in stack.pop().selections:
            if isinstance(node, FieldNode) and node.name.value in INTROSPECTION:
                return node
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                stack.append(node.selection_set)
    return None

"""Rewrites what a document executes; whatever else it defines stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphql.language import DocumentNode, ExecutableDefinitionNode


def with_definitions(
    document: DocumentNode, change: Callable[[ExecutableDefinitionNode], ExecutableDefinitionNode]
) -> DocumentNode:
    """Return the document with each of its operations and fragments changed."""
    definitions = tuple(
        change(node) if isinstance(node, ExecutableDefinitionNode) else node for node in document.definitions
    )
    return replace(document, definitions=definitions)

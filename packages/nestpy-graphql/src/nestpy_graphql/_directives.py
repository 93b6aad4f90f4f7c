"""Directives that types and fields of the schema bear: checked at boot, and written wherever the schema is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DirectiveNode,
    GraphQLDirective,
    GraphQLError,
    GraphQLSchema,
    SchemaExtensionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from graphql.language import DirectiveLocation

from .errors import TypeMappingError

Applied = Mapping[str, Sequence[str]]
"""What is written behind a type, ``User``, or a field, ``User.name``."""

_LOCATIONS = {
    "ObjectTypeDefinitionNode": DirectiveLocation.OBJECT,
    "InterfaceTypeDefinitionNode": DirectiveLocation.INTERFACE,
    "UnionTypeDefinitionNode": DirectiveLocation.UNION,
    "EnumTypeDefinitionNode": DirectiveLocation.ENUM,
    "ScalarTypeDefinitionNode": DirectiveLocation.SCALAR,
    "InputObjectTypeDefinitionNode": DirectiveLocation.INPUT_OBJECT,
}


def applied_nodes(texts: Sequence[str], label: str) -> list[DirectiveNode]:
    """Return directives as they are applied.

    Args:
        texts: each as the schema writes it, ``@tag(name: "internal")``.
        label: whose they are, for messages.

    Raises:
        TypeMappingError: one is none.
    """
    found: list[DirectiveNode] = []
    for text in texts:
        try:
            document: Any = parse(f"scalar X {text}")
            found += document.definitions[0].directives or ()
        except GraphQLError as error:
            raise TypeMappingError(
                f"`{text}` on `{label}` is no directive: {error.message}.",
                'write it as a schema does: `@tag(name: "internal")`',
            ) from None
    return found


def check_applied(applied: Applied, known: Mapping[str, frozenset[DirectiveLocation]]) -> list[TypeMappingError]:
    """Return what is wrong with applied directives.

    Args:
        applied: by type and field.
        known: where each directive may stand, by name.
    """
    problems = []
    for label, texts in applied.items():
        try:
            nodes = applied_nodes(texts, label)
        except TypeMappingError as error:
            problems.append(error)
            continue
        for node in nodes:
            name, place = node.name.value, DirectiveLocation.FIELD_DEFINITION
            if name not in known:
                problems.append(
                    TypeMappingError(
                        f"`@{name}` on `{label}` is a directive that nobody declares.",
                        "declare it: `GraphqlModule.for_root(directives=['directive @… on …'])`",
                    )
                )
            elif "." in label and place not in known[name]:
                problems.append(
                    TypeMappingError(
                        f"`@{name}` on `{label}` may not stand on a field.",
                        "put it where its declaration allows it",
                    )
                )
    return problems


def declared(texts: Sequence[str]) -> list[DirectiveDefinitionNode]:
    """Return the declarations in schema language.

    Raises:
        TypeMappingError: one is none.
    """
    found = []
    for text in texts:
        try:
            nodes: Any = parse(text).definitions
        except GraphQLError as error:
            raise TypeMappingError(
                f"`{text[:60]}` declares no directive: {error.message}.",
                "write it as a schema does: `directive @tag(name: String!) on OBJECT | FIELD_DEFINITION`",
            ) from None
        found += [node for node in nodes if isinstance(node, DirectiveDefinitionNode)]
    return found


def extensions(texts: Sequence[str]) -> str:
    """Return what declarations say of the schema itself: ``extend schema @link(…)``."""
    nodes = [node for text in texts for node in parse(text).definitions if isinstance(node, SchemaExtensionNode)]
    return "".join(f"{print_ast(node)}\n\n" for node in nodes)


def locations_of(schema: GraphQLSchema) -> dict[str, frozenset[DirectiveLocation]]:
    """Return where each directive of a schema may stand."""
    return {one.name: frozenset(one.locations) for one in schema.directives if isinstance(one, GraphQLDirective)}


def with_directives(text: str, applied: Applied) -> str:
    """Return a schema's text with directives behind the types and fields that bear them."""
    if not applied:
        return text
    return print_ast(visit(parse(text), _Writer(applied)))


class _Writer(Visitor):
    """Adds directives to definitions."""

    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self._applied = applied

    def enter(self, node: Any, *_: Any) -> Any:
        """Add those of a type and of its fields."""
        if type(node).__name__ not in _LOCATIONS:
            return None
        name = node.name.value
        changes: dict[str, Any] = {"directives": self._added(node, name)}
        if getattr(node, "fields", None):
            changes["fields"] = tuple(
                _changed(field, directives=self._added(field, f"{name}.{field.name.value}")) for field in node.fields
            )
        return _changed(node, **changes)

    def _added(self, node: Any, label: str) -> tuple[DirectiveNode, ...]:
        return (*(node.directives or ()), *applied_nodes(self._applied.get(label, ()), label))


def _changed(node: Any, **changes: Any) -> Any:
    """Return a copy of a node, which cannot be changed, with other children."""
    return type(node)(**{**{key: getattr(node, key) for key in node.keys}, **changes})

"""Schema-first parts: types and fields that are written in schema language, and resolved by methods of the app."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    extend_schema,
    parse,
)

from ._entries import ROOTS, Entry
from ._naming import camel, snake, type_name
from .errors import TypeMappingError


class SchemaFirst:
    """What an app's files of schema language define.

    Attributes:
        document: None where there are none.
        fields: the names of the fields of each type.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        """Read files, folders and texts.

        Raises:
            TypeMappingError: one cannot be read.
        """
        texts = [_text_of(source) for source in sources]
        self.document: DocumentNode | None = parse("\n".join(texts)) if texts else None
        self.fields: dict[str, set[str]] = {}
        for node in self.document.definitions if self.document is not None else ():
            if isinstance(node, ObjectTypeDefinitionNode | ObjectTypeExtensionNode | InterfaceTypeDefinitionNode):
                names = {field.name.value for field in node.fields or ()}
                self.fields.setdefault(node.name.value, set()).update(names)

    def defines(self, owner: Any, name: str) -> bool:
        """Say whether a field is written in schema language: its type stands there."""
        return name in self.fields.get(owner if isinstance(owner, str) else type_name(owner), ())

    def extended(self, schema: GraphQLSchema) -> GraphQLSchema:
        """Return *schema* with what the files define.

        Raises:
            TypeMappingError: they do not fit it.
        """
        if self.document is None:
            return schema
        nodes = tuple(_extension(node, schema) for node in self.document.definitions)
        try:
            return extend_schema(schema, DocumentNode(definitions=nodes))
        except (TypeError, GraphQLError) as error:
            raise TypeMappingError(
                f"What `sdl=` defines does not fit the schema: {error}.", "mend the file, or leave the type out"
            ) from None

    def bind(self, schema: GraphQLSchema, entries: Sequence[Entry]) -> tuple[dict[Entry, GraphQLField], list[Any]]:
        """Let methods resolve the fields that the files define.

        Returns:
            The field of each entry, and what is wrong.
        """
        found: dict[Entry, GraphQLField] = {}
        problems: list[Any] = []
        for entry in entries:
            owner: Any = schema.type_map[entry.owner if isinstance(entry.owner, str) else type_name(entry.owner)]
            field = found[entry] = owner.fields[entry.name]
            problems += _bind_arguments(entry, field)
            field.extensions = {**field.extensions, "nestpy_cost": _cost(entry)}
        bound = {(entry.owner, entry.name) for entry in entries}
        for root in ROOTS:
            for name in sorted(self.fields.get(root, ())):
                if (root, name) not in bound:
                    problems.append(
                        TypeMappingError(
                            f"`{root}.{name}` stands in schema language and is resolved by nobody.",
                            f"decorate a method `{snake(name)}` with `@{root.lower()}()`",
                        )
                    )
        return found, problems


def _text_of(source: str) -> str:
    import ariadne  # it brings Starlette along, which an app without such files does not need
    from ariadne.exceptions import GraphQLFileSyntaxError

    try:
        if "{" in source:
            return ariadne.gql(source)
        if not source or not Path(source).exists():
            raise TypeMappingError(f"`{source}` of `sdl=` is no file.", "name a file, a folder, or write the schema")
        return ariadne.load_schema_from_path(source)
    except (GraphQLError, GraphQLFileSyntaxError) as error:
        raise TypeMappingError(f"What `sdl=` defines cannot be read: {error}.", "mend the schema language") from None
    except OSError as error:
        raise TypeMappingError(
            f"`{source[:100]}` of `sdl=` cannot be read: {error.strerror}.",
            "name a file, a folder, or write the schema",
        ) from None
    except UnicodeDecodeError:
        raise TypeMappingError(f"`{source}` of `sdl=` is no text in UTF-8.", "save it as UTF-8") from None


def _extension(node: Any, schema: GraphQLSchema) -> Any:
    """Return a definition of a type that the schema has already as an extension of it."""
    if isinstance(node, ObjectTypeDefinitionNode) and node.name.value in schema.type_map:
        given = {key: getattr(node, key) for key in ("name", "interfaces", "directives", "fields", "loc")}
        return ObjectTypeExtensionNode(**given)
    return node


def _bind_arguments(entry: Entry, field: GraphQLField) -> list[TypeMappingError]:
    wanted = {entry.names.get(one.name, camel(one.name)): one for one in entry.data}
    problems = []
    for name, argument in field.args.items():
        if name in wanted:
            argument.out_name = wanted.pop(name).name
        else:
            problems.append(
                TypeMappingError(
                    f"`{entry.path}` has the argument `{name}`, which `{entry.handler.label}` does not take.",
                    f"take a parameter `{snake(name)}`",
                )
            )
    for name, one in wanted.items():
        if one.required:
            problems.append(
                TypeMappingError(
                    f"`{entry.handler.label}` takes `{one.name}`, which `{entry.path}` in schema language has not.",
                    f"write the argument `{name}` there, or give the parameter a default",
                )
            )
    return problems


def _cost(entry: Entry) -> int:
    return 1 if entry.marker.cost is None else entry.marker.cost

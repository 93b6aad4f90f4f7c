"""Composes the schema of every resolver, operation and relation that the app reaches."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any, get_origin

from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLDefaultInput,
    GraphQLDirective,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    extend_schema,
    lexicographic_sort_schema,
    print_schema,
    specified_directives,
    validate_schema,
)

from nestpy_core import Graph, Handler, HandlerError, Page, Problem, Relation

from ._arguments import graphql_arguments
from ._directives import applied_nodes, check_applied, declared, extensions, locations_of, with_directives
from ._entities import Shown
from ._entries import DEFAULT_FIRST, MAX_FIRST, ROOTS, Entries, Entry, relation_handler, relation_returns
from ._federation import DIRECTIVES, Federation, header, keys_of_host, unflagged
from ._markers import QueryMarker
from ._module import GraphqlShape
from ._naming import camel, type_name
from ._sdl import SchemaFirst
from ._types import Types
from .errors import TypeMappingError


class RelationEntry:
    """A field that leads from one entity to others.

    Attributes:
        handler: reads it for many keys.
        function: the same, compiled; the edge sets it.
    """

    def __init__(self, relation: Relation, handler: Handler) -> None:
        self.relation = relation
        self.handler = handler
        self.function: Any = None

    @property
    def label(self) -> str:
        """The field, as messages name it."""
        return f"{self.relation.entity.__name__}.{camel(self.relation.name)}"

    async def resolve(self, request: Any, source: Any, given: dict[str, Any]) -> Any:
        """Return, once it is loaded, what the parent's key leads to."""
        found = self.load(request, source, given)
        return await found if isawaitable(found) else found

    def load(self, request: Any, source: Any, given: dict[str, Any]) -> Any:
        """Return what the parent's key leads to, loaded with those of its siblings: a future, or nothing at once."""
        relation, many = self.relation, self.relation.kind == "many"
        data = source.data if source.__class__ is Shown else source
        key = None
        if relation.key in data:
            key = getattr(source.value, relation.key) if source.__class__ is Shown else data[relation.key]
        if key is None:
            return Page(items=[]) if many else None
        first = max(1, min(given.get("first", DEFAULT_FIRST), MAX_FIRST))
        after = given.get("after")
        asked = {"first": first, "after": after} if many else {}
        loader = request.loader((relation, first, after) if many else relation, self._load(request, asked))
        return loader.load(key)

    def _load(self, request: Any, asked: dict[str, Any]) -> Callable[[list[Any]], Any]:
        async def load(keys: list[Any]) -> Any:
            found = await self.function(request, None, {"keys": keys, **asked})
            if isinstance(found, GraphQLError):
                raise found
            return found

        return load


class Composition:
    """What an app's schema is made of, and what is wrong with it.

    Attributes:
        schema: None where something is wrong.
        entries: the fields that handlers resolve.
        relations: the fields that lead from entity to entity.
        fields: the field of each entry.
        problems: what is wrong.
    """

    def __init__(self, graph: Graph, shape: GraphqlShape, representations: int = 100) -> None:
        self._graph = graph
        self._shape = shape
        self.types = Types(graph, shape.scalars)
        self._first = self._schema_first(shape.sdl)
        reader = Entries(graph, self._first.defines)
        self.types.added = self._added
        self.entries = reader.read(operations=shape.operations)
        self.relations: list[RelationEntry] = []
        self.fields: dict[Any, GraphQLField] = {}
        self.problems: list[Problem] = list(reader.problems)
        self._relations_of = self._read_relations()
        self._hosts = reader.hosts
        self.references = reader.references
        self.federation: Federation | None = None
        self._applied: dict[str, list[str]] = {}
        self.schema: GraphQLSchema | None = None
        self._subgraph: GraphQLSchema | None = None
        schema = self._composed(representations)
        self.problems += [HandlerError(one.sentence, hints=(one.hint,)) for one in self.types.problems]
        if schema is not None and not self.problems:
            self.problems += [
                HandlerError(f"The schema is not valid: {one.message}") for one in validate_schema(schema)
            ]
        if not self.problems:
            self.schema = schema

    def _schema_first(self, sources: tuple[str, ...]) -> SchemaFirst:
        try:
            return SchemaFirst(sources)
        except TypeMappingError as error:
            self.types.problems.append(error)
            return SchemaFirst(())

    def _read_relations(self) -> dict[type, list[RelationEntry]]:
        found: dict[type, list[RelationEntry]] = {}
        for relation in self._graph.relations:
            handler = relation_handler(self._graph, relation)
            if isinstance(handler, Handler):
                found.setdefault(relation.entity, []).append(RelationEntry(relation, handler))
            else:
                self.problems.append(handler)
        return found

    def _composed(self, representations: int) -> GraphQLSchema | None:
        """Return the whole schema: for a subgraph with what a gateway asks for."""
        if not self._shape.federation:
            self.problems += unflagged(self.references)
            return self._compose({})
        try:
            self.federation = Federation(self._graph, self.types, self.references, representations)
        except TypeMappingError as error:
            self.types.problems.append(error)
            return None
        self.problems += self.federation.problems
        self._subgraph = self._compose({})
        return None if self._subgraph is None else self._compose(self.federation.fields(self.types))

    def _compose(self, more: dict[str, GraphQLField]) -> GraphQLSchema | None:
        """Return the schema, with *more* fields of ``Query``."""
        written = [entry for entry in self.entries if not entry.bound]
        owned = {root: [entry for entry in written if entry.owner == root] for root in ROOTS}
        first = self._first.fields
        if not owned["Query"] and "Query" not in first and not (self.federation and self.federation.types):
            if not any(isinstance(marker, QueryMarker) for _, _, marker in self._graph.handlers_of("graphql")):
                self.problems.append(
                    HandlerError(
                        "The schema has no query, which GraphQL asks of every schema.",
                        hints=("decorate a method of a `@resolver()` class with `@query()`",),
                    )
                )
            return None
        made: Any = {
            root.lower(): GraphQLObjectType(root, self._root_fields(owned[root], more if root == "Query" else {}))
            for root in ROOTS
            if owned[root] or root in first or (root == "Query" and more)
        }
        try:
            directives = self._directives()
            schema = GraphQLSchema(**made, directives=directives)
            hidden = [one for one in self._objects() if one.name not in schema.type_map]
            if hidden:  # types that only an interface, or a gateway, leads to
                schema = GraphQLSchema(**made, types=hidden, directives=directives)
            schema = self._first.extended(schema)
            self._apply(schema)
        except (TypeError, GraphQLError) as error:
            self._from_graphql_core(error)
            return None
        fields, problems = self._first.bind(schema, [entry for entry in self.entries if entry.bound])
        self.fields.update(fields)
        self.types.problems += problems
        for entry in written:
            if entry not in self.fields:
                self.problems.append(_unreached(entry))
        return schema

    def _objects(self) -> list[GraphQLObjectType]:
        return [one for one in self.types.shown_as.values() if isinstance(one, GraphQLObjectType)]

    def _from_graphql_core(self, error: Exception) -> None:
        known = getattr(error, "__cause__", None) or error
        sentence = getattr(known, "sentence", None) or f"The schema cannot be composed: {known}"
        hint = getattr(known, "hint", None)
        self.problems.append(HandlerError(sentence, hints=(hint,) if hint else ()))

    def _directives(self) -> list[GraphQLDirective]:
        """Return the directives of the schema: those of the specification, and those that the app declares."""
        declarations = declared(self._shape.directives)
        if not declarations:
            return list(specified_directives)
        document = DocumentNode(definitions=tuple(declarations))
        return list(extend_schema(GraphQLSchema(), document, assume_valid_sdl=True).directives)

    def _apply(self, schema: GraphQLSchema) -> None:
        """Take notice of the directives that types and fields bear, and of what is wrong with them."""
        applied: dict[str, list[str]] = {}
        for name, keys in (self.federation.applied if self.federation else {}).items():
            applied[name] = list(keys)
        for host in self._hosts:
            if host.about is not None and (host.key or host.directives):
                name = self.types.output(host.about, "resolver").of_type.name
                applied.setdefault(name, []).extend([*keys_of_host(host.key), *host.directives])
        for kind in schema.type_map.values():
            for name, one in getattr(kind, "fields", {}).items():
                texts = one.extensions.get("nestpy_directives", ())
                if texts:
                    applied[f"{kind.name}.{name}"] = list(texts)
        known = {**locations_of(schema), **(DIRECTIVES if self.federation else {})}
        if not self._applied:
            self.types.problems += check_applied(applied, known)
        self._applied = applied

    def _root_fields(
        self, entries: list[Entry], more: dict[str, GraphQLField]
    ) -> Callable[[], dict[str, GraphQLField]]:
        return lambda: {**{entry.name: self._field(entry) for entry in entries}, **more}

    def _added(self, cls: Any) -> dict[str, GraphQLField]:
        """Return what resolvers and relations add to the type of a class."""
        bases = (get_origin(cls) or cls).__mro__[::-1]  # what the nearest class adds comes last, and stays
        bases = bases if isinstance(cls, type) else (*bases, cls)
        found = {
            camel(one.relation.name): self._relation_field(one)
            for base in bases
            for one in self._relations_of.get(base, ())
        }
        added = {
            entry.name: entry for base in bases for entry in self.entries if entry.owner == base and not entry.bound
        }
        return {**found, **{name: self._field(entry) for name, entry in added.items()}}

    def _field(self, entry: Entry) -> GraphQLField:
        if entry in self.fields:
            return self.fields[entry]
        label, marker = entry.handler.label, entry.marker
        extensions: dict[str, Any] = {"nestpy_cost": 1 if marker.cost is None else marker.cost}
        if marker.items is not None:
            extensions["nestpy_items"] = marker.items
        if entry.size is not None:
            extensions["nestpy_size"] = entry.size
        if marker.directives:
            extensions["nestpy_directives"] = marker.directives

        async def resolve(source: Any, info: Any, **given: Any) -> Any:
            found = await entry.function(info.context, source, given)
            return await found if isawaitable(found) else found

        found = GraphQLField(
            self.types.of_result(entry.returns, label),
            graphql_arguments(entry.handler, entry.data, self.types, entry.names),
            resolve=resolve,
            description=entry.description or None,
            deprecation_reason=marker.deprecated,
            extensions=extensions,
        )
        self.fields[entry] = found
        return found

    def _relation_field(self, one: RelationEntry) -> GraphQLField:
        many = one.relation.kind == "many"
        arguments = {
            "first": GraphQLArgument(
                GraphQLNonNull(GraphQLInt),
                default=GraphQLDefaultInput(DEFAULT_FIRST),
                description=f"Rows of the page: 1 to {MAX_FIRST}.",
            ),
            "after": GraphQLArgument(GraphQLString, description="The `next` of the page before."),
        }
        extensions: dict[str, Any] = {
            "nestpy_cost": 1,
            "nestpy_function": one.resolve,
            "nestpy_call": one.load,
            "nestpy_deferred": True,
        }
        if many:
            extensions["nestpy_size"] = ("first", DEFAULT_FIRST, MAX_FIRST)

        async def resolve(source: Any, info: Any, **given: Any) -> Any:
            return await one.resolve(info.context, source, given)

        if one not in self.relations:
            self.relations.append(one)
        return GraphQLField(
            self.types.of_result(relation_returns(one.relation), one.label),
            arguments if many else {},
            resolve=resolve,
            extensions=extensions,
        )

    def sdl(self) -> str:
        """Return the schema as text, sorted: the same for the same code; of a subgraph as its gateway wants it."""
        schema = self._subgraph or self.schema
        assert schema is not None  # noqa: S101  # verified
        text = with_directives(f"{print_schema(lexicographic_sort_schema(schema))}\n", self._applied)
        if self.federation is None:
            return text
        used = {node.name.value for texts in self._applied.values() for node in applied_nodes(texts, "")}
        return header(sorted(used & DIRECTIVES.keys()), extensions(self._shape.directives)) + text


def _unreached(entry: Entry) -> HandlerError:
    """Say that the type whose field an entry is stands nowhere in the schema."""
    if isinstance(entry.owner, str):
        return HandlerError(
            f"`{entry.handler.label}` is a field of the text `{entry.owner}`, and no file in schema language defines "
            "that type.",
            hints=(f"write the class: `@resolver({entry.owner})`",),
        )
    return HandlerError(
        f"`{entry.handler.label}` is a field of `{type_name(entry.owner)}`, which no operation returns.",
        hints=("return it from a `@query`, or leave the field out",),
    )

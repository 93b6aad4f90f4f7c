"""The GraphQL edge: composes the schema of a graph, verifies it and compiles its fields; http carries the calls."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from pathlib import Path
from typing import Any

from nestpy_core import Compiler, ConfigurationError, EdgeEntry, Graph, Problem, Source

from ._arguments import Arguments
from ._config import GraphqlConfig
from ._endpoints import is_open, shape_of
from ._entries import Entry
from ._field_code import FieldCode
from ._markers import FieldMarker, QueryMarker
from ._persisted import Persisted, read_manifest
from ._schema import Composition, RelationEntry
from ._table import GraphqlTable

_WAITS = re.compile(r"\b(?:await|async with|async for)\b")


class GraphqlEdge:
    """Everything GraphQL of one app."""

    name = "graphql"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        config: Any = graph.sections.get(GraphqlConfig) or GraphqlConfig()
        self.composition = Composition(graph, shape_of(graph), config.max_representations)
        self.table: GraphqlTable = graph.bindings_of(GraphqlTable)[0].source
        self.table.composition = self.composition
        self.table.open = is_open(graph)
        self._problems: list[Problem] = []
        self._read_manifest(config)

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with resolvers and types."""
        return [*self.composition.problems, *self._problems]

    def _read_manifest(self, config: GraphqlConfig) -> None:
        """Read the trusted documents."""
        setting = "graphql.persisted_manifest"
        documents = None
        try:
            if config.persisted_manifest:
                documents = read_manifest(Path(config.persisted_manifest).read_bytes())
            self.table.persisted = Persisted(
                documents, config.automatic_persisted, config.only_persisted, max_bytes=config.max_bytes
            )
        except OSError as error:
            rule = f"must be a file that can be read: {error.strerror}"
            self._problems.append(ConfigurationError(setting, rule, hints=("let the build of the client write it",)))
        except ValueError as error:
            self._problems.append(ConfigurationError(setting, f"is refused: {error}"))

    def entries(self) -> Iterable[EdgeEntry]:
        """List what clients may ask for."""
        return [EdgeEntry(entry.label, entry.handler) for entry in self.composition.entries]

    def compile(self, compiler: Compiler) -> None:
        """Compile every field that a handler resolves."""
        for entry in self.composition.entries:
            compiled = compiler.handler(entry.handler, entry.marker, self._code(entry))
            entry.function = awaiting(compiled.function) if entry.deferred else compiled.function
            extensions = self.composition.fields[entry].extensions
            extensions["nestpy_function"] = entry.function
            if not entry.marker.root and not _WAITS.search(compiled.source):
                extensions["nestpy_call"] = at_once(compiled.function)
                extensions["nestpy_deferred"] = entry.deferred
        for entry in self.composition.references:
            compiled = compiler.handler(entry.handler, entry.marker, self._code(entry))
            entry.function = awaiting(compiled.function) if entry.deferred else compiled.function
        self._compile_service(compiler)
        for relation in self.composition.relations:
            code = RelationCode(relation, self.composition)
            relation.function = compiler.handler(relation.handler, FieldMarker(), code).function

    def _compile_service(self, compiler: Compiler) -> None:
        """Compile what tells a gateway the schema."""
        federation = self.composition.federation
        if federation is None or federation.service is None:
            return
        self.table.service.sdl = self.composition.sdl()
        code = FieldCode(
            federation.service,
            "Query._service",
            entities=self.composition.types.entities,
            decode=None,
            loaders={},
            has_parent=False,
            part=False,
        )
        federation.service_function = compiler.handler(federation.service, QueryMarker(), code).function

    def _code(self, entry: Entry) -> FieldCode:
        arguments = Arguments(self.graph, entry.handler, entry.data, entry.names, by_wire=entry.bound)
        return FieldCode(
            entry.handler,
            entry.path,
            entities=self.composition.types.entities,
            decode=arguments.decode if entry.data else None,
            loaders=entry.loaders,
            has_parent=entry.has_parent,
            part=entry.has_parent,
            confirms=entry.confirms,
            deferred=entry.deferred,
        )

    def transport(self) -> None:
        """Return nothing: nestpy-http carries the calls."""


class RelationCode(FieldCode):
    """Reads a relation for many keys."""

    def __init__(self, relation: RelationEntry, composition: Composition) -> None:
        super().__init__(
            relation.handler,
            relation.label,
            entities=composition.types.entities,
            decode=None,
            loaders={},
            has_parent=False,
            part=True,
        )

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:  # the pipes of core
        """Return what the loader gives."""
        del out, pipes
        return {one.name: f"given[{one.name!r}]" for one in self.handler.parameters}


def awaiting(function: Any) -> Callable[[Any, Any, dict[str, Any]], Awaitable[Any]]:
    """Return what calls a compiled function and awaits what it gives: what a loader gave it."""

    async def call(request: Any, parent: Any, given: dict[str, Any]) -> Any:
        value = await function(request, parent, given)
        return await value if isawaitable(value) else value

    return call


def at_once(function: Any) -> Callable[[Any, Any, dict[str, Any]], Any]:
    """Return what calls a compiled function that waits for nothing, and so needs no task."""

    def call(request: Any, parent: Any, given: dict[str, Any]) -> Any:
        running = function(request, parent, given)
        try:
            running.send(None)
        except StopIteration as done:
            return done.value
        running.close()
        raise RuntimeError(f"`{function.__name__}` waits, although it was compiled as if it did not")

    return call

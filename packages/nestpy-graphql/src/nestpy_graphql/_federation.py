"""Makes an app a subgraph of an Apollo Federation 2: keys, `_service` and `_entities`.

It follows https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
    GraphQLUnionType,
)
from graphql.language import DirectiveLocation

from nestpy_core import Graph, Handler, HandlerError, Parameter, Problem, handler_of, injectable

from ._entries import Entry
from ._naming import camel
from ._run import gathered
from ._shapes import by_keys, data_class_in, fields_of
from ._types import Types

SPECIFICATION = "https://specs.apollo.dev/federation/v2.7"
_FIELD, _OBJECT, _INTERFACE = DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT, DirectiveLocation.INTERFACE
_EVERYWHERE = frozenset(
    {
        _FIELD,
        _OBJECT,
        _INTERFACE,
        DirectiveLocation.UNION,
        DirectiveLocation.ENUM,
        DirectiveLocation.SCALAR,
        DirectiveLocation.INPUT_OBJECT,
    }
)
DIRECTIVES: dict[str, frozenset[DirectiveLocation]] = {
    "key": frozenset({_OBJECT, _INTERFACE}),
    "requires": frozenset({_FIELD}),
    "provides": frozenset({_FIELD}),
    "external": frozenset({_FIELD, _OBJECT}),
    "shareable": frozenset({_FIELD, _OBJECT}),
    "override": frozenset({_FIELD}),
    "inaccessible": _EVERYWHERE,
    "tag": _EVERYWHERE,
    "interfaceObject": frozenset({_OBJECT}),
    "authenticated": _EVERYWHERE,
    "requiresScopes": _EVERYWHERE,
    "policy": _EVERYWHERE,
    "composeDirective": frozenset({DirectiveLocation.SCHEMA}),
    "extends": frozenset({_OBJECT, _INTERFACE}),
}


@injectable
class FederationService:
    """Tells the gateway the schema of this subgraph, behind the guards of the app."""

    sdl: str = ""

    async def service(self) -> dict[str, str]:
        """Return the schema as text."""
        return {"sdl": self.sdl}


class Federation:
    """What a subgraph adds to its schema.

    Attributes:
        references: what looks objects up, by the name of their type.
        applied: the keys of types, as directives.
        service: the handler that tells the schema; its compiled function is set by the edge.
    """

    def __init__(self, graph: Graph, types: Types, references: Sequence[Entry], most: int) -> None:
        self.references: dict[str, list[Entry]] = {}
        self.applied: dict[str, list[str]] = {}
        self.problems: list[Problem] = []
        self.types: list[GraphQLObjectType] = []
        self.service_function: Any = None
        self._most = most
        found = handler_of(graph, FederationService, "service", owner="nestpy-graphql")
        self.service: Handler | None = found if isinstance(found, Handler) else None
        if not isinstance(found, Handler):
            self.problems.append(found)
        for entry in references:
            self._take(entry, types)

    def _take(self, entry: Entry, types: Types) -> None:
        kind: Any = types.output(entry.owner, entry.handler.label).of_type
        key = " ".join(_written(one) for one in entry.data if one.required)
        text = f'@key(fields: "{key}")'
        known = self.applied.setdefault(kind.name, [])
        if not key or text in known:
            what = "takes no key" if not key else f"has the key `{key}`, as another one"
            self.problems.append(
                HandlerError(
                    f"`{entry.handler.label}` looks up `{kind.name}` and {what}.",
                    hints=("take what identifies it as required parameters, differently in each",),
                )
            )
            return
        known.append(text)
        self.references.setdefault(kind.name, []).append(entry)
        if kind not in self.types:
            self.types.append(kind)

    def fields(self, types: Types) -> dict[str, GraphQLField]:
        """Return what joins ``Query``."""
        service = GraphQLObjectType(
            "_Service", {"sdl": GraphQLField(GraphQLString, extensions={"nestpy_get": _sdl, "nestpy_cost": 0})}
        )
        found = {
            "_service": GraphQLField(
                GraphQLNonNull(service), extensions={"nestpy_function": self._service, "nestpy_cost": 1}
            )
        }
        if self.types:
            union = GraphQLUnionType("_Entity", self.types, resolve_type=types.name_of_value)
            representation = GraphQLScalarType("_Any")
            found["_entities"] = GraphQLField(
                GraphQLNonNull(GraphQLList(union)),
                {
                    "representations": GraphQLArgument(
                        GraphQLNonNull(GraphQLList(GraphQLNonNull(representation))), out_name="representations"
                    )
                },
                extensions={
                    "nestpy_function": self._entities,
                    "nestpy_cost": 1,
                    "nestpy_size": ("representations", self._most, self._most),
                },
            )
        return found

    async def _service(self, request: Any, _source: Any, given: dict[str, Any]) -> Any:
        return await self.service_function(request, None, given)

    async def _entities(self, request: Any, _source: Any, given: dict[str, Any]) -> Any:
        asked = given["representations"]
        if len(asked) > self._most:
            return GraphQLError(
                f"At most {self._most} representations are looked up at once",
                extensions={"code": "LIMIT_EXCEEDED", "limit": "max_representations", "allowed": self._most},
            )
        return await gathered([self._found(request, one) for one in asked])

    async def _found(self, request: Any, representation: Any) -> Any:
        """Return one object, or the error in its place."""
        name = representation.get("__typename") if isinstance(representation, dict) else None
        if not isinstance(name, str) or name not in self.references:
            return _invalid("A representation names no `__typename` that this subgraph looks up")
        for entry in self.references[name]:
            given = {one.name: _given(one, representation) for one in entry.data if camel(one.name) in representation}
            if all(one.name in given for one in entry.data if one.required):
                return await entry.function(request, None, given)
        keys = " or ".join(text.removeprefix("@key(fields: ").removesuffix(")") for text in self.applied[name])
        return _invalid(f"A representation of `{name}` needs {keys}")


def _sdl(source: Any) -> Any:
    return source["sdl"]


def _invalid(text: str) -> GraphQLError:
    return GraphQLError(text, extensions={"code": "BAD_USER_INPUT"})


def keys_of_host(keys: Sequence[str]) -> Iterator[str]:
    """Yield the directives of keys by which a type is referred to, and not looked up."""
    for key in keys:
        yield f'@key(fields: "{key}", resolvable: false)'


def _written(one: Parameter) -> str:
    inner = data_class_in(one.hint)
    if inner is None:
        return camel(one.name)
    return f"{camel(one.name)} {{ {' '.join(field.wire for field in fields_of(inner))} }}"


def _given(one: Parameter, representation: dict[str, Any]) -> Any:
    """Return a key's value by the names that its decoder knows."""
    return by_keys(one.hint, representation[camel(one.name)])


def unflagged(references: Sequence[Entry]) -> Iterator[HandlerError]:
    """Yield what is wrong where an app looks objects up for a gateway and is no subgraph."""
    for entry in references:
        yield HandlerError(
            f"`{entry.handler.label}` is decorated with `@reference`, and the app is no subgraph.",
            hints=("import `GraphqlModule.for_root(federation=True)`",),
        )


def header(names: Sequence[str], more: str) -> str:
    """Return the beginning of a subgraph's schema.

    Args:
        names: of the directives that it uses.
        more: what the app says of its schema itself.
    """
    composed = ["composeDirective"] if "@composeDirective" in more else []
    imported = ", ".join(f'"@{name}"' for name in sorted([*names, *composed]))
    return f'extend schema @link(url: "{SPECIFICATION}", import: [{imported}])\n\n{more}'

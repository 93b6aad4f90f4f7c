"""The fields that handlers resolve: those of resolvers, and those that derive from operations and relations."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from nestpy_core import (
    Binding,
    Graph,
    Handler,
    HandlerError,
    Operation,
    Page,
    Parameter,
    Problem,
    Relation,
    handler_of,
    name_of,
    reachable,
    read_metadata,
)

from ._arguments import data_parameters, is_given
from ._loaders import Loaders, LoaderSource, is_loader
from ._markers import FieldMarker, MutationMarker, QueryMarker, ReferenceMarker, ResolverMarker
from ._naming import camel, description_of, plural, type_name
from ._shapes import members_of, without_metadata
from .errors import TypeMappingError

_STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)
_PROMISES = (Awaitable, asyncio.Future)
ROOTS = ("Query", "Mutation", "Subscription")
DEFAULT_FIRST, MAX_FIRST = 20, 100
"""Of a page of related rows."""


class Entry:
    """One field that a handler resolves.

    Attributes:
        owner: ``Query``, ``Mutation``, ``Subscription``, or the class whose field it is.
        name: in the schema.
        returns: the annotation of its result.
        data: the parameters that clients fill.
        names: what clients call those whose name is not the parameter's in camelCase.
        loaders: what makes the loaders it asks for, by parameter.
        confirms: whether its result is True where the handler returns nothing.
        bound: whether a file in schema language defines the field.
        function: the compiled handler; the edge sets it.
    """

    def __init__(self, handler: Handler, marker: FieldMarker, owner: Any, name: str, returns: Any) -> None:
        self.handler = handler
        self.marker = marker
        self.owner = owner
        self.name = name
        self.returns = returns
        self.names: Mapping[str, str] = {}
        self.loaders: dict[str, LoaderSource] = {}
        self.confirms = False
        self.bound = False
        self.data: list[Parameter] = data_parameters(handler, parent=self.has_parent)
        self.function: Any = None

    @property
    def has_parent(self) -> bool:
        """Whether the handler's first parameter is the parent object."""
        return not self.marker.root and not isinstance(self.marker, ReferenceMarker)

    @property
    def path(self) -> str:
        """``User.org``, as messages name the field."""
        return f"{self.owner if isinstance(self.owner, str) else type_name(self.owner)}.{self.name}"

    @property
    def label(self) -> str:
        """What `nestpy routes` calls it."""
        return f"{self.marker.root.lower()} {self.name}" if self.marker.root else f"field {self.path}"

    @property
    def description(self) -> str:
        """What documents say of it."""
        return self.marker.description or description_of(self.handler.function)

    @property
    def deferred(self) -> bool:
        """Whether the handler waits for nothing, and gives what has to be awaited."""
        return not self.handler.is_async and get_origin(without_metadata(self.handler.returns)) in _PROMISES

    @property
    def streams(self) -> bool:
        """Whether it yields events."""
        return self.marker.root == "Subscription"

    @property
    def size(self) -> tuple[str, int, int] | None:
        """The argument that says how many items it gives, with its default and its maximum."""
        found = next((one for one in self.data if one.name in ("first", "limit")), None)
        if found is None:
            return None
        default = found.default if isinstance(found.default, int) else DEFAULT_FIRST
        return self.names.get(found.name, camel(found.name)), default, _maximum(found.hint)


class Entries:
    """Reads the entries of one graph.

    Attributes:
        problems: what is wrong with handlers.
        references: what looks objects up for the gateway of a federation.
        hosts: what the resolvers say of themselves.
    """

    def __init__(self, graph: Graph, defines: Callable[[Any, str], bool]) -> None:
        self._graph = graph
        self._defines = defines
        self.problems: list[Problem] = []
        self.references: list[Entry] = []
        self.hosts = [
            marker
            for binding in graph.bindings
            if binding.kind == "class"
            for marker in read_metadata(binding.source, "hosts", ())
            if isinstance(marker, ResolverMarker)
        ]
        try:
            self._loaders: Loaders | None = Loaders(graph)
        except TypeMappingError as error:
            self._loaders = None
            self._problem(error.sentence, error.hint)

    def read(self, *, operations: bool) -> list[Entry]:
        """Return every entry; what is wrong stands in `problems`.

        Args:
            operations: whether operations of entities are among them.
        """
        found = [*self._of_resolvers(), *(self._of_operations() if operations else ())]
        known: dict[tuple[Any, str], Entry] = {}
        for entry in found:
            other = known.setdefault((entry.owner, entry.name), entry)
            if other is not entry:
                self._problem(
                    f"`{other.handler.label}` and `{entry.handler.label}` are both the field `{entry.path}`.",
                    "give one of them another name, or leave one out",
                )
        return list(known.values())

    def _of_resolvers(self) -> Iterator[Entry]:
        for handler, host, marker in self._graph.handlers_of("graphql"):
            if not isinstance(marker, FieldMarker) or not isinstance(host, ResolverMarker):
                continue
            entry = self._of_handler(handler, host, marker)
            if isinstance(marker, ReferenceMarker) and entry is not None:
                self.references.append(entry)
            elif entry is not None:
                yield entry

    def _of_handler(self, handler: Handler, host: ResolverMarker, marker: FieldMarker) -> Entry | None:
        of_type = not marker.root and not isinstance(marker, ReferenceMarker)
        if not marker.root and (host.about is None or not (handler.parameters or of_type)):
            self._problem(
                f"`{handler.label}` is a `{marker.word}` of no type.",
                "write `@resolver(User)` above its class, and take the parent as its first parameter"
                if of_type
                else "write `@resolver(User)` above its class, and take the key as parameters",
            )
            return None
        name = marker.name or camel(handler.name)
        bound = self._defines(marker.root or host.about, name)
        if handler.returns is inspect.Parameter.empty and not bound:
            self._problem(
                f"`{handler.label}` says nothing of what it returns.",
                "annotate the result: it is the field's type",
            )
            return None
        if (marker.root == "Subscription") is not inspect.isasyncgenfunction(handler.function):
            self._problem(
                f"`{handler.label}` is decorated with `{marker.word}`, which is for "
                f"{'async generators' if marker.root == 'Subscription' else 'functions that return'}.",
                "write `async def` with `yield`, and `-> AsyncIterator[Event]`"
                if marker.root == "Subscription"
                else "return the result, or decorate it with `@subscription()`",
            )
            return None
        if of_type:
            refusal = _without_parent(handler, host.about)
            if refusal is not None:
                self._problem(*refusal)
                return None
            handler = _of_field(handler)
        entry = Entry(handler, marker, marker.root or host.about, name, _result(handler.returns))
        entry.bound = bound
        self._find_loaders(entry)
        return entry

    def _find_loaders(self, entry: Entry) -> None:
        for one in entry.handler.parameters:
            if not is_loader(one.hint) or self._loaders is None:
                continue
            try:
                found = self._loaders.find(one.hint, f"{entry.handler.label}({one.name})")
            except TypeMappingError as error:
                self._problem(error.sentence, error.hint)
                continue
            entry.loaders[one.name] = found
            self._reach(entry.handler, one, found.binding)

    def _reach(self, handler: Handler, parameter: Parameter, binding: Binding) -> None:
        """Take notice that a handler reaches the service that a loader loads with."""
        self._graph.injected[handler.host, handler.name, parameter.name] = (binding,)
        for one in reachable([binding]):
            if one.kind == "carrier" and one.source and "graphql" not in one.source:
                self._problem(
                    f"`{handler.label}({parameter.name})` loads with `{binding.label}`, which reaches `{one.label}`, "
                    f"which only {' and '.join(one.source)} calls carry.",
                    f"load with something that does not need `{one.label}`",
                )

    def _of_operations(self) -> Iterator[Entry]:
        for operation in self._graph.operations:
            owner = f"`{operation.entity.__name__}`"
            found: Handler | Problem = next(
                (one for one in self._graph.handlers if _is_of(one, operation)), None
            ) or handler_of(self._graph, operation.host, operation.method, owner=owner)
            if not isinstance(found, Handler):
                self.problems.append(found)
                continue
            marker: FieldMarker = QueryMarker() if operation.kind == "query" else MutationMarker()
            entry = Entry(found, marker, marker.root, self._operation_name(operation), found.returns)
            entry.names = {"body": "input"}
            if found.returns in (None, type(None)):
                entry.confirms, entry.returns = True, bool
            yield entry

    def _operation_name(self, operation: Operation) -> str:
        support: Any = self._graph.schema_of(operation.entity)
        noun = str(support.name(operation.entity)) if hasattr(support, "name") else operation.entity.__name__
        single = noun[:1].lower() + noun[1:]
        if operation.name == "get":
            return single
        return plural(single) if operation.name == "list" else f"{camel(operation.name)}{noun}"

    def _problem(self, text: str, hint: str) -> None:
        self.problems.append(HandlerError(text, hints=(hint,)))


def relation_handler(graph: Graph, relation: Relation) -> Handler | Problem:
    """Return the handler that reads a relation for many keys: under no layer, for the parent's ran."""
    found = handler_of(
        graph, relation.host, relation.method, owner=f"`{relation.entity.__name__}.{relation.name}`", public=True
    )
    if not isinstance(found, Handler):
        return found
    return msgspec.structs.replace(found, layers=dict.fromkeys(found.layers, ()))


def relation_returns(relation: Relation) -> Any:
    """Return the annotation of a relation's field."""
    return relation.target | None if relation.kind == "one" else Page[relation.target]  # type: ignore[name-defined]  # known at run time


def _is_of(handler: Handler, operation: Operation) -> bool:
    return handler.host.token is operation.host and handler.name == operation.method


def _without_parent(handler: Handler, about: Any) -> tuple[str, str] | None:
    """Return what is wrong with the first parameter of a field, and what to write; None where it takes the parent."""
    if isinstance(about, str):
        return None
    name = name_of(about)
    hint = f"write `(self, {(get_origin(about) or about).__name__.lower()}: {name}, …)`"
    if not handler.parameters:
        return f"`{handler.label}` takes no parent, and is a field of `{name}`.", hint
    first = handler.parameters[0]
    if not is_given(first) and any(_may_hold(one, about) for one in members_of(first.plain_hint)):
        return None
    taken = f"{first.name}: {name_of(without_metadata(first.hint))}"
    return f"`{handler.label}` takes `{taken}` first, where its parent stands, a `{name}`.", hint


def _may_hold(member: Any, about: Any) -> bool:
    """Say whether what a parameter is annotated with may be an object of a class, as far as classes tell."""
    taken, parent = get_origin(member) or member, get_origin(about) or about
    if not isinstance(taken, type) or taken in (Any, inspect.Parameter.empty) or getattr(taken, "_is_protocol", False):
        return True
    return parent in taken.__mro__ or taken in parent.__mro__


def _of_field(handler: Handler) -> Handler:
    """Return the handler of a field: the app's guards and interceptors ran before the operation."""
    kept = {
        family: uses if family in ("pipes", "filters") else tuple(use for use in uses if use.site != "global")
        for family, uses in handler.layers.items()
    }
    return msgspec.structs.replace(handler, layers=kept)


def _result(returns: Any) -> Any:
    """Return what one result is: an event of a stream, or the result itself."""
    bare = without_metadata(returns)
    return get_args(bare)[0] if get_origin(bare) in (*_STREAMS, *_PROMISES) and get_args(bare) else returns


def _maximum(hint: Any) -> int:
    stack, found = [hint], MAX_FIRST
    while stack:
        one = stack.pop()
        for item in getattr(one, "__metadata__", ()):
            if isinstance(item, msgspec.Meta) and item.le is not None:
                found = int(item.le)
        stack += [inner for inner in get_args(one) if not isinstance(inner, msgspec.Meta | type)]
    return min(found, 2**31 - 1)

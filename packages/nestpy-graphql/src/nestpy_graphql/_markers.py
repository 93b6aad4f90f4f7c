"""The decorators of the GraphQL edge: `@resolver`, `@query`, `@mutation`, `@subscription`, `@field`, `@dataloader`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_origin

from nestpy_core import (
    DefinitionError,
    HandlerMarker,
    HostMarker,
    Parameter,
    Scope,
    attach_metadata,
    declare_handler,
    declare_host,
    name_of,
    read_metadata,
)

__all__ = ("dataloader", "field", "interface", "mutation", "query", "reference", "resolver", "subscription")

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")


class ResolverMarker(HostMarker, frozen=True, kw_only=True):
    """What `@resolver` was given; see there."""

    edge: ClassVar[str] = "graphql"
    word: ClassVar[str] = "@resolver"
    about: Any = None  # a class, or None
    key: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()


class FieldMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@field` was given; see there. Markers of operations have the same attributes."""

    edge: ClassVar[str] = "graphql"
    word: ClassVar[str] = "@field"
    host_word: ClassVar[str] = "@resolver"
    exposed: ClassVar[bool] = False
    root: ClassVar[str] = ""
    name: str | None = None
    description: str | None = None
    deprecated: str | None = None
    cost: int | None = None
    items: int | None = None
    directives: tuple[str, ...] = ()

    @property
    def safe(self) -> bool:
        """Fields only read."""
        return True

    @property
    def shows(self) -> bool:
        """Whoever asked for the parent is shown the field."""
        return True

    def given(self, parameters: Sequence[Parameter]) -> Sequence[str]:
        """Return the parent of a field, and the loaders."""
        from ._loaders import is_loader

        first = parameters[0].name if parameters and not self.root else ""
        return [one.name for one in parameters if one.name == first or is_loader(one.hint)]


class QueryMarker(FieldMarker, frozen=True, kw_only=True):
    """What `@query` was given; see there."""

    word: ClassVar[str] = "@query"
    exposed: ClassVar[bool] = True
    root: ClassVar[str] = "Query"


class MutationMarker(FieldMarker, frozen=True, kw_only=True):
    """What `@mutation` was given; see there."""

    word: ClassVar[str] = "@mutation"
    exposed: ClassVar[bool] = True
    root: ClassVar[str] = "Mutation"

    @property
    def safe(self) -> bool:
        """Mutations write."""
        return False


class SubscriptionMarker(FieldMarker, frozen=True, kw_only=True):
    """What `@subscription` was given; see there."""

    word: ClassVar[str] = "@subscription"
    exposed: ClassVar[bool] = True
    root: ClassVar[str] = "Subscription"


class ReferenceMarker(FieldMarker, frozen=True, kw_only=True):
    """What `@reference` was given; see there."""

    word: ClassVar[str] = "@reference"
    exposed: ClassVar[bool] = True

    def given(self, parameters: Sequence[Parameter]) -> Sequence[str]:
        """Return the loaders."""
        from ._loaders import is_loader

        return [one.name for one in parameters if is_loader(one.hint)]


@dataclass_transform(kw_only_default=True, eq_default=False)
def resolver(
    about: Any = None,
    *,
    key: str | tuple[str, ...] = (),
    directives: tuple[str, ...] = (),
    scope: Scope | None = None,
) -> Callable[[C], C]:
    """Make a class a GraphQL host: its decorated methods are operations, and fields of one type.

    Args:
        about: the class whose fields `@field` methods add: a Struct, a dataclass, an entity, ``Page[User]``; the name
            of a type that a file in schema language defines; None where there are none.
        key: of a federated type that this subgraph refers to and cannot look up, ``"id"``; what it can look up has a
            `@reference` method.
        directives: of the type, each as a schema writes it: ``'@tag(name: "internal")'``.
        scope: lifetime of the instance, a singleton by default.

    Raises:
        DefinitionError: *about* is no class, or the decorator is written without parentheses around one.
    """
    if isinstance(about, type) and any(read_metadata(one, "handlers", ()) for one in vars(about).values()):
        raise DefinitionError(
            f"`@resolver` is written with parentheses: `{name_of(about)}` holds resolvers.\nHint: write `@resolver()`"
        )
    if about is not None and not isinstance(get_origin(about) or about, type | str):
        raise DefinitionError(
            f"`@resolver` takes the class whose fields it adds, not `{name_of(about)}`.\nHint: write `@resolver(User)`"
        )
    keys = (key,) if isinstance(key, str) else tuple(key)
    return lambda cls: declare_host(cls, ResolverMarker(about=about, key=keys, directives=tuple(directives)), scope)


def query(
    name: str | None = None,
    *,
    description: str | None = None,
    deprecated: str | None = None,
    cost: int | None = None,
    items: int | None = None,
    directives: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Offer a method as a field of ``Query``; it only reads, and storage refuses writes in it.

    Its typed parameters are the arguments, its result the type; a request (`GraphqlRequest`), a loader (`Loader`) and
    ``Inject[…]`` are given.

    Args:
        name: by default the method's in camelCase.
        description: by default the docstring's summary.
        deprecated: why not to use it any more, and what instead.
        cost: what one call of it counts in `Limits.max_cost`; 1 by default.
        items: how many items its list holds at most, for the cost; more are refused.
        directives: of the field, each as a schema writes it: ``'@shareable'``.

    Raises:
        DefinitionError: the name is none, or begins with two underscores.
    """
    return _marked(QueryMarker, name, description, deprecated, cost, items, directives)


def mutation(
    name: str | None = None,
    *,
    description: str | None = None,
    deprecated: str | None = None,
    cost: int | None = None,
    items: int | None = None,
    directives: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Offer a method as a field of ``Mutation``; it runs in a transaction, one after the other in a document.

    The arguments are those of `query`.
    """
    return _marked(MutationMarker, name, description, deprecated, cost, items, directives)


def subscription(
    name: str | None = None,
    *,
    description: str | None = None,
    deprecated: str | None = None,
    cost: int | None = None,
    directives: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Offer an async generator as a field of ``Subscription``: each value it yields is an event.

    The arguments are those of `query`.
    """
    return _marked(SubscriptionMarker, name, description, deprecated, cost, None, directives)


def field(
    name: str | None = None,
    *,
    description: str | None = None,
    deprecated: str | None = None,
    cost: int | None = None,
    items: int | None = None,
    directives: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Add a field to the type of the host; the first parameter of the method is the parent object.

    A field of the same name that the type has already is replaced. Guards of the host and of the method run before
    it, those of the app do not: they ran before the operation. The arguments are those of `query`.
    """
    return _marked(FieldMarker, name, description, deprecated, cost, items, directives)


def _marked(  # noqa: PLR0917  # as many as a decorator has
    kind: type[FieldMarker],
    name: str | None,
    description: str | None,
    deprecated: str | None,
    cost: int | None,
    items: int | None,
    directives: tuple[str, ...],
) -> Callable[[F], F]:
    if callable(name):
        raise DefinitionError(f"`{kind.word}` is written with parentheses.\nHint: write `{kind.word}()`")
    check_name(kind.word, name)
    for word, value in (("cost", cost), ("items", items)):
        if value is not None and value < 0:
            raise DefinitionError(f"`{word}={value}` in `{kind.word}` is below 0.")
    marker = kind(
        name=name,
        description=description,
        deprecated=deprecated,
        cost=cost,
        items=items,
        directives=tuple(directives),
    )
    return lambda function: declare_handler(function, marker)


def check_name(word: str, name: str | None) -> None:
    """Refuse what GraphQL takes for no name (specification, October 2021, section 2.1.9), and its own ones.

    Raises:
        DefinitionError: it is none.
    """
    if name is not None and (not NAME.fullmatch(name) or name.startswith("__")):
        raise DefinitionError(
            f"`{name}` in `{word}` is no name.\nHint: letters, digits and underscores, not two at the beginning"
        )


def reference() -> Callable[[F], F]:
    """Look up an object of the host's type by its key, for the gateway of a federation (Apollo Federation 2).

    Required parameters are the key, by name: ``async def by_id(self, id: UUID) -> Product | None``; a parameter that is
    a data class is a nested key. Those with defaults get what else the gateway sends, as ``@requires`` asks for it.
    Several methods are several keys. ``GraphqlModule.for_root(federation=True)`` makes the app a subgraph.
    """
    return lambda function: declare_handler(function, ReferenceMarker())


def dataloader(function: F) -> F:
    """Let resolvers load by key through a method that answers for many keys at once.

    The method of a service takes a list of distinct keys and returns a mapping; keys that are absent from it load
    None. A resolver asks for ``Loader[Key, Value]``. Within one operation each key is asked for once, and the keys of
    one turn of the event loop together.

    Raises:
        DefinitionError: it decorates no method.
    """
    if not callable(function):
        raise DefinitionError("`@dataloader` decorates methods, without parentheses")
    attach_metadata(function, "graphql_dataloader", value=True)
    return function


def is_dataloader(function: object) -> bool:
    """Say whether a method is decorated with `@dataloader`."""
    return bool(read_metadata(function, "graphql_dataloader", False))  # the default


def interface(cls: C) -> C:
    """Make a class an interface: the types of all classes that derive from it implement it."""
    if not isinstance(cls, type):
        raise DefinitionError(f"`@interface` decorates classes, not `{name_of(cls)}`")
    attach_metadata(cls, "graphql_interface", value=True)
    return cls


def is_interface(cls: object) -> bool:
    """Say whether the class itself is decorated with `@interface`."""
    return isinstance(cls, type) and bool(read_metadata(cls, "graphql_interface", False))  # the default

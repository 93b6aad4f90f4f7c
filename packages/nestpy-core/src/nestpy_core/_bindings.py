"""Turns the lines of `providers=` into bindings of the graph, overrides applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from types import FunctionType
from typing import Any, get_origin

from ._config import config_meta
from ._generics import is_open, is_too_deep
from ._graph import Binding, Graph, ModuleNode
from ._handler import bare_host, hosts_of
from ._hints import Names, annotations_of
from ._hooks import Carrier
from ._metadata import own
from ._names import name_of, place_of
from ._provider import Kind, OpenGeneric, Provider, Scope, is_class_variable, scope_of
from ._section import unless_wrong
from .contracts import Endpoint, Operation, Relation
from .errors import DuplicateProviderError, ModuleError, Problem

_ASYNC = CO_COROUTINE | CO_ASYNC_GENERATOR


class Bindings:
    """Adds bindings to a graph, in whatever form a module or a plugin gives them.

    Attributes:
        names: the unambiguous names of everything bound so far.
    """

    def __init__(self, graph: Graph, overrides: Iterable[Provider]) -> None:
        self.graph = graph
        self.names = Names()
        self._overrides = {provider.token: provider for provider in overrides}
        self._overridden: set[Any] = set()
        self._met: set[Any] = set()
        self._waiting: list[FunctionType] = []

    def contribute(self, node: ModuleNode, item: Any) -> None:
        """Take in what a plugin or core contributes."""
        if isinstance(item, Carrier):
            self._carry(node, item)
        elif isinstance(item, Endpoint):
            self.graph.endpoints.append(item)
        elif isinstance(item, Operation):
            self.graph.operations.append(item)
        elif isinstance(item, Relation):
            self.graph.relations.append(item)
        elif isinstance(item, FunctionType):
            self._waiting.append(item)
        else:
            self.provide(node, item)

    def _carry(self, node: ModuleNode, carrier: Carrier) -> None:
        """Bind what edges give for each call; those of several plugins carry one token together."""
        for known in self.graph.bindings_of(carrier.token):
            if known.kind == "carrier" and known.source:
                known.source = tuple(dict.fromkeys((*known.source, *carrier.edges)))
                return
        self._append(Binding(carrier.token, "carrier", carrier.edges, node, Scope.REQUEST))

    def contribute_late(self, node: ModuleNode) -> None:
        """Take in the endpoints, operations and relations that wait for the settings and the handlers."""
        for function in self._waiting:
            with unless_wrong():
                for item in function(self.graph) or ():
                    self.contribute(node, item)

    def provide(self, node: ModuleNode, item: Any) -> None:
        """Take in one line of a module's ``providers=``."""
        if isinstance(item, OpenGeneric):
            self._register(node, item)
        elif isinstance(item, Provider):
            self.bind(node, item)
        elif config_meta(item) is not None:
            self.section(node, item)
        elif "injectable" not in own(item):
            self.graph.problems.append(bare_host(item) or _undecorated(node, item))
            self.graph.refused.add(item)
        else:
            self.bind(node, Provider(token=item, kind="class", source=item, scope=scope_of(item)))

    def _register(self, node: ModuleNode, generic: OpenGeneric) -> None:
        for known, owner in self.graph.generics:
            if known.origin is generic.origin:
                self.graph.problems.append(_registered_twice(generic, owner, node))
        self.graph.generics.append((generic, node))

    def section(self, node: ModuleNode, cls: type, *, implicit: bool = False) -> None:
        """Bind a configuration section; an override with a value is taken instead of loading it."""
        override = self._overrides.get(cls)
        if override is not None:
            self._met.add(cls)
        if override is None or override.kind != "value":
            self._append(Binding(cls, "settings", cls, node, implicit=implicit))
            if override is not None:
                self.graph.problems.append(_no_value(cls))
            return
        self.graph.sections[cls] = override.source
        self._append(Binding(cls, "value", override.source, node, implicit=implicit))

    def bind(self, node: ModuleNode, provider: Provider, *, implicit: bool = False) -> Binding | None:
        """Bind a provider, or what overrides it; None when an override already stands for all bindings of its token."""
        of_class = self._overrides.get(provider.source) if provider.kind == "class" else None
        of_token = self._overrides.get(provider.token)
        self._met.update(each.token for each in (of_class, of_token) if each is not None)
        replacement = of_class or of_token
        if replacement is not None and replacement is of_token:
            if provider.multi and provider.token in self._overridden:
                return None
            self._overridden.add(provider.token)
        taken = replacement or provider
        self.graph.problems.extend(_unfit(node, provider.token, taken))
        return self._append(
            Binding(
                token=provider.token,
                kind=taken.kind,
                source=taken.source,
                module=node,
                scope=taken.scope,
                multi=provider.multi,
                order=provider.order,
                default=provider.default,
                implicit=implicit,
                replaces=provider.source if replacement else None,
            )
        )

    def parametrise(self, token: Any) -> None:
        """Bind one parametrisation of an open generic, when it is asked for and nothing else provides it."""
        origin = None if type(token) is type else get_origin(token)
        if origin is None or is_open(token) or self.graph.bindings_of(token):
            return
        for generic, node in self.graph.generics:
            if generic.origin is origin and not is_too_deep(token):
                kind: Kind = "class" if isinstance(generic.factory, type) else "factory"
                self.bind(node, Provider(token=token, kind=kind, source=generic.factory, scope=generic.scope))
                return

    def _append(self, binding: Binding) -> Binding:
        for cls in (binding.token, binding.source):
            if isinstance(cls, type):
                self.names.add(cls)
        return self.graph.add(binding)

    def unused_overrides(self) -> Iterator[Problem]:
        """Yield a problem for each override of something that the app does not provide."""
        for token in self._overrides:
            if token not in self._met:
                yield ModuleError(
                    f"`{name_of(token)}` is overridden, and nothing in the app provides it.",
                    hints=("override a token or class that a module provides",),
                )


def _registered_twice(generic: OpenGeneric, owner: ModuleNode, node: ModuleNode) -> DuplicateProviderError:
    name = name_of(generic.origin)
    if owner is node:
        return DuplicateProviderError(
            f"`provide_generic({name})` stands in `{node.label}` twice.",
            hints=(f"keep one of the two: imports of `{node.label}` may add it too",),
        )
    return DuplicateProviderError(
        f"`provide_generic({name})` stands in `{owner.label}` and in `{node.label}`.",
        hints=("keep it in one module and import that module in the other",),
    )


def _no_value(cls: type) -> ModuleError:
    name = name_of(cls)
    return ModuleError(
        f"`{name}` is a section of settings, which are read before anything is made.",
        hints=(f"override it with `provide({name}, use_value={name}(…))`",),
    )


def _undecorated(node: ModuleNode, cls: type) -> ModuleError:
    name = name_of(cls)
    return ModuleError(
        f"`{node.label}` provides `{name}`, which is not decorated.",
        hints=(
            f"decorate `{name}` with `@injectable`",
            f"or write `provide({name}, use_factory=…)` for a class that is not yours",
        ),
    )


def _unfit(node: ModuleNode, token: Any, provider: Provider) -> Iterator[Problem]:
    """Yield why a provider could not be built, or would not do what its token promises."""
    if provider.kind != "class":
        if isinstance(token, type) and hosts_of(token):
            yield ModuleError(
                f"`{node.label}` binds the host `{name_of(token)}` with `use_{provider.kind}=`, which has no handlers.",
                hints=(f"list `{name_of(token)}` itself; override what it injects",),
            )
        return
    cls = provider.source
    name = name_of(cls)
    code = getattr(cls.__init__, "__code__", None)
    if code is not None and code.co_flags & _ASYNC:
        yield ModuleError(
            f"`__init__` of `{name}` is async, and constructors are not awaited ({place_of(cls.__init__)}).",
            hints=(
                (
                    f"write `def __init__`, and await in a method with `@on_module_init` or in a factory: "
                    f"`provide({name_of(token)}, use_factory=…)`"
                ),
            ),
        )
    abstract = sorted(getattr(cls, "__abstractmethods__", ()))
    if abstract or getattr(cls, "_is_protocol", False):
        what = f"leaves `{abstract[0]}` abstract" if abstract else "is a Protocol"
        yield ModuleError(
            f"`{node.label}` provides `{name}`, which {what} and cannot be constructed.",
            hints=(f"write `provide({name_of(token)}, use_class=…)` with a class that implements it",),
        )
    elif "injectable" not in own(cls) and cls.__init__ is object.__init__:
        given = {name for base in cls.__mro__ for name in base.__dict__}
        fields = [
            name
            for base in cls.__mro__[:-1]
            for name, hint in annotations_of(base).items()
            if name not in given and not is_class_variable(hint)
        ]
        if fields and not issubclass(cls, tuple) and bare_host(cls) is None:
            yield ModuleError(
                f"`{name}` has the annotated field `{fields[0]}` and is not decorated, so nothing injects it.",
                hints=(f"decorate `{name}` with `@injectable`",),
            )

"""Collects the graph: walks from the root module, reads every declaration and resolves every hint once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import pluggy

from ._config import config_meta
from ._context import ExecutionContext, Reflector
from ._graph import Binding, Graph, ModuleNode
from ._handler import Handler, HandlerMarker, Parameter, hosts_of
from ._hints import (
    Argument,
    Dependency,
    Names,
    annotations_of,
    callable_arguments,
    constructor_arguments,
    dependency_of,
    is_injected,
    return_hint,
)
from ._hooks import Carrier
from ._layer import GLOBAL_TOKENS
from ._metadata import functions, own, read
from ._module import DynamicModule, ModuleMeta, module_meta
from ._names import name_of, place_of
from ._app_config import AppConfig
from ._provider import OpenGeneric, Provider, Scope, provide, scope_of
from ._section import Pin, Section
from ._settings import Settings
from .contracts import Endpoint, Operation
from .errors import DefinitionError, HandlerError, ModuleError, Problem


def collect(
    root: type | DynamicModule,
    hooks: pluggy.HookRelay,
    settings: Settings,
    overrides: Iterable[Provider] = (),
) -> Graph:
    """Return the graph of the application whose root module is *root*, with what is wrong with it so far."""
    collector = _Collector(root, settings, overrides)
    collector.graph.schema_of = lambda cls: hooks.nestpy_schema(cls=cls)
    collector.walk()
    collector.contribute(hooks.nestpy_collect(graph=collector.graph))
    collector.read_dependencies()
    collector.load_sections()
    collector.check_overrides()
    return collector.graph


class _Collector:
    def __init__(self, root: type | DynamicModule, settings: Settings, overrides: Iterable[Provider]) -> None:
        cls = root.module if isinstance(root, DynamicModule) else root
        if module_meta(cls) is None:
            raise DefinitionError(f"`{name_of(cls)}` is no module.\nHint: decorate it with `@module(…)`")
        self.start = root
        self.graph = Graph(root=ModuleNode(cls, name_of(cls)), settings=settings)
        self.names = Names()
        self._overrides = {provider.token: provider for provider in overrides}
        self._overridden: set[Any] = set()
        self._nodes: dict[tuple[type, str | None], ModuleNode] = {(cls, None): self.graph.root}
        self._joined: set[int] = set()
        self._generics: list[tuple[OpenGeneric, ModuleNode]] = []
        self._pins: dict[type, list[Pin]] = {}
        self._late: dict[type, Callable[..., Any]] = {}

    # -- modules

    def walk(self) -> None:
        core = ModuleNode(None, "nestpy-core", shared=True)
        self.graph.modules.append(core)
        for provider in (provide(Reflector, default=True), Carrier(ExecutionContext, ()), AppConfig):
            self._contribute(core, provider)
        self._join(self.start, None)
        self.graph.modules.append(self.graph.modules.pop(0))

    def _join(self, item: Any, importer: ModuleNode | None) -> ModuleNode:
        dynamic = item if isinstance(item, DynamicModule) else None
        cls = dynamic.module if dynamic else item
        node = self._static(cls)
        if dynamic is not None and id(dynamic) not in self._joined:
            self._joined.add(id(dynamic))
            if dynamic.feature is not None:
                main, node = node, self._feature(dynamic)
                if main not in node.imports:
                    node.imports.append(main)
            self._add(node, dynamic.meta)
            self._pin(dynamic, importer)
        elif dynamic is not None and dynamic.feature is not None:
            node = self._nodes[cls, dynamic.feature]
        return node

    def _static(self, cls: type) -> ModuleNode:
        node = self._nodes.setdefault((cls, None), ModuleNode(cls, name_of(cls)))
        if node not in self.graph.modules:
            self.graph.modules.append(node)
            meta = module_meta(cls)
            if meta is not None:
                node.shared = meta.shared
                self._add(node, meta)
        return node

    def _feature(self, dynamic: DynamicModule) -> ModuleNode:
        key = (dynamic.module, dynamic.feature)
        if key not in self._nodes:
            self._nodes[key] = ModuleNode(dynamic.module, dynamic.label)
            self.graph.modules.append(self._nodes[key])
        return self._nodes[key]

    def _add(self, node: ModuleNode, meta: ModuleMeta) -> None:
        if meta.exports is not None:
            node.exports = [*(node.exports or ()), *meta.exports]
        for item in meta.providers:
            self._provide(node, item)
        for item in meta.imports:
            imported = self._join(item, node)
            if imported not in node.imports:
                node.imports.append(imported)

    def _pin(self, dynamic: DynamicModule, importer: ModuleNode | None) -> None:
        origin = f"`{dynamic.label}`" + (f" in `{importer.label}`" if importer else "")
        for cls, values in dynamic.settings.items():
            self._pins.setdefault(cls, []).append(Pin(values, origin))
        for cls, factory in dynamic.late.items():
            if cls in self._late:
                self.graph.problems.append(
                    ModuleError(
                        f"Two `for_root_async` fill `{name_of(cls)}`; one is {origin}.",
                        hints=("keep one of them",),
                    )
                )
            self._late[cls] = factory

    # -- providers

    def _provide(self, node: ModuleNode, item: Any) -> None:
        if isinstance(item, OpenGeneric):
            self._generics.append((item, node))
        elif isinstance(item, Provider):
            self._bind(node, item)
        elif config_meta(item) is not None:
            self._append(node, Binding(item, "settings", item, node))
        elif "injectable" not in own(item):
            self.graph.problems.append(
                ModuleError(
                    f"`{node.label}` provides `{name_of(item)}`, which is not decorated.",
                    hints=(
                        f"decorate `{name_of(item)}` with `@injectable`",
                        f"or write `provide({name_of(item)}, use_factory=…)` for a class that is not yours",
                    ),
                )
            )
        else:
            self._bind(node, Provider(token=item, kind="class", source=item, scope=scope_of(item)))

    def _bind(self, node: ModuleNode, provider: Provider, *, implicit: bool = False) -> Binding | None:
        replacement = self._overrides.get(provider.source if provider.kind == "class" else None)
        replacement = replacement or self._overrides.get(provider.token)
        if replacement is not None:
            if provider.multi and provider.token in self._overridden and replacement.token is provider.token:
                return None
            self._overridden.add(replacement.token)
        taken = replacement or provider
        if taken.kind == "class":
            self._check_fields(taken.source)
        binding = Binding(
            token=provider.token,
            kind=taken.kind,
            source=taken.source,
            module=node,
            scope=taken.scope,
            multi=provider.multi,
            order=provider.order,
            default=provider.default,
            implicit=implicit,
        )
        return self._append(node, binding)

    def _check_fields(self, cls: type) -> None:
        if "injectable" in own(cls) or "__init__" in cls.__dict__:
            return
        fields = [name for base in cls.__mro__[:-1] for name in annotations_of(base) if name not in base.__dict__]
        if fields and not getattr(cls, "_is_protocol", False):
            self.graph.problems.append(
                ModuleError(
                    f"`{name_of(cls)}` has the annotated field `{fields[0]}` and is not decorated, so nothing injects it.",
                    hints=(f"decorate `{name_of(cls)}` with `@injectable`",),
                )
            )

    def _append(self, node: ModuleNode, binding: Binding) -> Binding:
        node.bindings.append(binding)
        self.graph.bindings.append(binding)
        for cls in (binding.token, binding.source):
            if isinstance(cls, type):
                self.names.add(cls)
        return binding

    def contribute(self, contributions: Iterable[Iterable[Any] | None]) -> None:
        node = ModuleNode(None, "plugins", shared=True)
        self.graph.modules.append(node)
        for contribution in contributions:
            for item in contribution or ():
                self._contribute(node, item)

    def _contribute(self, node: ModuleNode, item: Any) -> None:
        if isinstance(item, Carrier):
            self._append(node, Binding(item.token, "carrier", item.edges, node, Scope.REQUEST))
        elif isinstance(item, Endpoint):
            self.graph.endpoints.append(item)
        elif isinstance(item, Operation):
            self.graph.operations.append(item)
        else:
            self._provide(node, item)

    def check_overrides(self) -> None:
        for token in self._overrides:
            if token not in self._overridden:
                self.graph.problems.append(
                    ModuleError(
                        f"`{name_of(token)}` is overridden, and nothing in the app provides it.",
                        hints=("override a token or class that a module provides",),
                    )
                )

    # -- dependencies

    def read_dependencies(self) -> None:
        done = 0
        hosts_done: set[int] = set()
        while done < len(self.graph.bindings):
            binding = self.graph.bindings[done]
            done += 1
            self._read_binding(binding)
            if binding.kind == "class" and id(binding) not in hosts_done:
                hosts_done.add(id(binding))
                handlers = list(self._handlers(binding))
                self.graph.handlers.extend(handlers)
                for handler in handlers:
                    self._provide_layers(handler)

    def _read_binding(self, binding: Binding) -> None:
        arguments, problems = self._arguments(binding)
        self.graph.problems.extend(problems)
        found = []
        for argument in arguments:
            if argument.name in binding.constants:
                continue
            dependency = self._dependency(binding, argument)
            if dependency is not None:
                found.append((argument, dependency))
                self._parametrise(dependency.token)
        binding.arguments = tuple(found)

    def _arguments(self, binding: Binding) -> tuple[list[Argument], Iterable[Problem]]:
        if binding.kind == "class":
            return constructor_arguments(binding.source, self.names)
        if binding.kind == "factory":
            return self._factory_arguments(binding.source)
        if binding.kind == "settings" and binding.source in self._late:
            return self._factory_arguments(self._late[binding.source])
        if binding.kind == "existing":
            hint = Argument("use_existing", binding.source, inspect.Parameter.empty)
            return [hint], []
        return [], []

    def _factory_arguments(self, factory: Callable[..., Any]) -> tuple[list[Argument], Iterable[Problem]]:
        if isinstance(factory, type):
            return constructor_arguments(factory, self.names)
        return callable_arguments(factory, self.names)

    def _dependency(self, binding: Binding, argument: Argument) -> Dependency | None:
        if binding.kind == "existing":
            return Dependency(argument.name, argument.hint)
        dependency = None
        if argument.hint is not inspect.Parameter.empty:
            dependency = dependency_of(argument.name, argument.hint)
        if argument.required and dependency is not None:
            return dependency
        if argument.default is None and dependency is not None and dependency.optional:
            return dependency
        if argument.required:
            self.graph.problems.append(_not_injectable(binding, argument))
        return None

    def _parametrise(self, token: Any) -> None:
        origin = get_origin(token)
        if origin is None or self.graph.bindings_of(token):
            return
        for generic, node in self._generics:
            if generic.origin is origin:
                constants = _type_arguments(generic, token, self.names)
                kind = "class" if isinstance(generic.factory, type) else "factory"
                provider = Provider(token=token, kind=kind, source=generic.factory, scope=generic.scope)
                binding = self._bind(node, provider)
                if binding is not None and binding.source is generic.factory:
                    binding.constants = constants
                return

    # -- handlers

    def _handlers(self, binding: Binding) -> Iterator[Handler]:
        hosts = {marker.edge for marker in hosts_of(binding.source)}
        for name, function in functions(binding.source):
            markers: tuple[HandlerMarker, ...] = read(function, "handlers", ())
            stray = next((marker for marker in markers if marker.edge not in hosts), None)
            if stray is not None:
                self.graph.problems.append(
                    HandlerError(
                        f"`{binding.label}.{name}` is decorated with `{stray.word}`, but `{binding.label}` is no host.",
                        hints=(f"decorate `{binding.label}` with `{stray.host_word}`",),
                    )
                )
            elif markers:
                yield self._handler(binding, name, function, markers)

    def _handler(self, binding: Binding, name: str, function: Any, markers: tuple[HandlerMarker, ...]) -> Handler:
        arguments, problems = callable_arguments(function, self.names)
        returns, more = return_hint(function, self.names)
        self.graph.problems.extend([*problems, *more])
        values: dict[type, tuple[object, ...]] = {}
        for value in (*read(function, "meta", ()), *read(binding.source, "meta", ())):
            values[type(value)] = (*values.get(type(value), ()), value)
        return Handler(
            host=binding,
            name=name,
            function=function,
            markers=markers,
            parameters=tuple(self._parameter(binding, name, argument) for argument in arguments[1:]),
            returns=returns,
            meta=values,
            public=bool(read(function, "public") or read(binding.source, "public")),
            layers={},
            blocking=bool(read(function, "blocking")),
        )

    def _provide_layers(self, handler: Handler) -> None:
        for family in GLOBAL_TOKENS:
            for target in (handler.host.source, handler.function):
                for layer in read(target, family, ()):
                    if isinstance(layer, type) and not self.graph.bindings_of(layer):
                        provider = Provider(token=layer, kind="class", source=layer, scope=scope_of(layer))
                        self._bind(handler.host.module, provider, implicit=True)

    def _parameter(self, binding: Binding, name: str, argument: Argument) -> Parameter:
        inject = None
        if is_injected(argument.hint):
            inject = dependency_of(argument.name, argument.hint)
            if inject is None:
                self.graph.problems.append(_not_injectable(binding, argument, f".{name}"))
            else:
                self._parametrise(inject.token)
        return Parameter(argument.name, argument.hint, argument.default, inject, argument.kind)

    # -- configuration

    def load_sections(self) -> None:
        listed = {binding.source for binding in self.graph.bindings if binding.kind == "settings"}
        for cls in dict.fromkeys([*self._pins, *self._late]):
            if cls not in listed:
                self._append(self.graph.modules[-1], Binding(cls, "settings", cls, self.graph.modules[-1]))
                listed.add(cls)
        sections = [
            Section(cls, tuple(self._pins.get(cls, ())), deferred=cls in self._late)
            for cls in sorted(listed, key=name_of)
        ]
        loaded, problems = self.graph.settings.load(sections)
        self.graph.sections.update(loaded)
        self.graph.problems.extend(problems)
        for unknown in self.graph.settings.unknown(sections):
            self.graph.notices.append(str(unknown))
        for binding in self.graph.bindings:
            if binding.kind == "settings":
                section = next(section for section in sections if section.config_type is binding.source)
                binding.constants = {"section": section, "late": self._late.get(binding.source)}
                if binding.source in self._late and not binding.arguments:
                    self._read_binding(binding)


def _not_injectable(binding: Binding, argument: Argument, method: str = "") -> HandlerError:
    missing = argument.hint is inspect.Parameter.empty
    what = "has no annotation" if missing else f"is annotated `{name_of(argument.hint)}`"
    source = binding.source if callable(binding.source) else binding.token
    hint = "annotate it with a class or `Annotated[…, TOKEN]`" if missing else "ask for one class, or give it a default"
    return HandlerError(
        f"`{argument.name}` of `{binding.label}{method}` {what}, which cannot be injected ({place_of(source)}).",
        hints=(hint,),
    )


def _type_arguments(generic: OpenGeneric, token: Any, names: Names) -> Mapping[str, Any]:
    factory = generic.factory
    if isinstance(factory, type):
        arguments, _ = constructor_arguments(factory, names)
        returned: Any = generic.origin
    else:
        arguments, _ = callable_arguments(factory, names)
        returned, _ = return_hint(factory, names)
    variables = [variable for variable in get_args(returned) if isinstance(variable, TypeVar)]
    variables = variables or list(getattr(generic.origin, "__parameters__", ()))
    given = dict(zip(variables, get_args(token), strict=False))
    return {
        argument.name: given[get_args(argument.hint)[0]]
        for argument in arguments
        if get_origin(argument.hint) is type and get_args(argument.hint)[0] in given
    }

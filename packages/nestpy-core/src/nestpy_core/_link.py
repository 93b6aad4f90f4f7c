"""Links the graph: gives every dependency its bindings and every handler its layers, or says what is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

import msgspec

from ._factory import made_by
from ._generics import is_too_deep
from ._graph import Binding, Graph, LayerUse, ModuleNode
from ._handler import Handler, pipes_of
from ._hints import Dependency, Names, return_hint
from ._layer import GLOBAL_TOKENS, Family, check_layer
from ._metadata import own
from ._names import full_name, is_private, name_of, qualified
from ._visibility import Visibility
from .errors import AccessError, DefinitionError, DuplicateProviderError, HandlerError, MissingProviderError, Problem

Sites = Sequence[tuple[str, Mapping[str, Any]]]
Layers = dict[Family, tuple[LayerUse, ...]]


def link(graph: Graph) -> None:
    """Fill the links of *graph*'s bindings and the layers of its handlers; add what is wrong to its problems."""
    linker = _Linker(graph)
    linker.settle()
    linker.join()
    linker.layer()
    graph.problems.extend(linker.problems)


class _Linker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.problems: list[Problem] = []
        self._without_own: dict[bool, Layers] = {}

    # -- one binding per token

    def settle(self) -> None:
        dropped: set[Binding] = set()
        for bindings in self.graph.tokens():
            explicit = [binding for binding in bindings if not binding.implicit]
            if any(binding.multi for binding in explicit):
                self._check_mixed(explicit)
                continue
            chosen = [binding for binding in explicit if not binding.default] or explicit
            dropped.update(binding for binding in explicit if binding not in chosen)
            if len(chosen) > 1:
                chosen.sort(key=_by_name)
                self.problems.append(_duplicate(chosen))
                dropped.update(chosen[1:])
        self.graph.drop(dropped)
        self.visibility = Visibility(self.graph)
        self.problems.extend(self.visibility.problems)

    def _check_mixed(self, bindings: list[Binding]) -> None:
        single = sorted((binding for binding in bindings if not binding.multi), key=_by_name)
        if single:
            self.problems.append(
                DuplicateProviderError(
                    f"`{single[0].label}` is bound with `multi=True` and, in `{single[0].module.label}`, without.",
                    hints=("write `multi=True` on every binding of it, or on none",),
                )
            )
        for binding in single:
            binding.multi = True  # so that nothing else is said of the same mistake

    # -- links

    def join(self) -> None:
        for binding in self.graph.bindings:
            binding.links = tuple(
                self._resolve(binding.module, dependency, _consumer(binding, dependency))
                for _, dependency in binding.arguments
            )
        for handler in self.graph.handlers:
            for parameter in handler.parameters:
                if parameter.inject is not None:
                    found = self._resolve(handler.host.module, parameter.inject, f"`{handler.label}`")
                    self.graph.injected[handler.host, handler.name, parameter.name] = found

    def _resolve(self, node: ModuleNode, dependency: Dependency, consumer: str) -> tuple[Binding, ...]:
        dependency, bindings = self._asked(dependency)
        visible = [one for one in bindings if self.visibility.sees(node, one)]
        several = [one for one in bindings if one.multi and (one in visible or not is_private(one.token))]
        if dependency.many and several:
            return tuple(several)
        if several or (dependency.many and bindings and not (bindings[0].multi or _is_token(dependency))):
            self.problems.append(_wrong_number(node, dependency, consumer, bindings[0]))
            return ()
        if visible:
            return (visible[0],)
        beyond = [one for one in bindings if not one.implicit]
        if beyond:
            self.problems.append(self._no_access(node, dependency, consumer, beyond[0]))
        elif not dependency.optional:
            self.problems.append(self._missing(node, dependency, consumer))
        return ()

    def _asked(self, dependency: Dependency) -> tuple[Dependency, list[Binding]]:
        """Read ``list[T]`` as a token of its own where it is bound as one."""
        bindings = self.graph.bindings_of(dependency.token)
        if dependency.many and not bindings and not _is_token(dependency):
            whole = list.__class_getitem__(dependency.token)
            found = self.graph.bindings_of(whole)
            if found:
                return msgspec.structs.replace(dependency, token=whole, many=False), found
        return dependency, bindings

    def _no_access(self, node: ModuleNode, dependency: Dependency, consumer: str, owner: Binding) -> AccessError:
        name, home = owner.label, owner.module
        field = f"needs `{name}` (`{dependency.name}`)"
        if is_private(owner.token):
            return AccessError(
                f"{consumer} in `{node.label}` {field}, which is private to `{home.label}`.",
                hints=(
                    f"rename `{name}` without its leading underscore, or inject something public of `{home.label}`",
                ),
            )
        if not self.visibility.exports(home, owner):
            return AccessError(
                f"{consumer} in `{node.label}` {field}, which `{home.label}` provides and does not export.",
                hints=(f"add `{name}` to `exports=` of `{home.label}`",),
            )
        via = min((one for one in node.imports if home in one.imports), key=lambda one: one.label, default=None)
        hints = [f"add `{home.label}` to `imports=` of `{node.label}`"]
        if node.cls is None:
            shared = "in a module that is `@module(shared=True)` and imported in the root module"
            hints = [f"provide `{name}` {shared} `{self.graph.root.label}`"]
        if via is not None and via.exports is not None:
            hints.append(f"or add `{home.label}` to `exports=` of `{via.label}`, which `{node.label}` imports")
        if home.shared:
            hints.append(f"or import `{home.label}` in the root module `{self.graph.root.label}`: it is shared")
        return AccessError(
            f"{consumer} in `{node.label}` {field}, which `{home.label}` provides; "
            f"`{node.label}` does not import `{home.label}`.",
            hints=hints,
        )

    def _missing(self, node: ModuleNode, dependency: Dependency, consumer: str) -> MissingProviderError:
        name = name_of(dependency.token)
        namesakes = sorted((one for one in self.graph.bindings if name_of(one.token) == name), key=_by_name)
        shown = full_name(dependency.token) if namesakes else name
        asked = f"list[{shown}]" if dependency.many else shown
        hints = [f"`{one.module.label}` provides `{full_name(one.token)}`, another one" for one in namesakes]
        return MissingProviderError(
            f"{consumer} in `{node.label}` needs `{asked}` (`{dependency.name}`), and no module provides it.",
            hints=[*hints, *self._remedies(node, dependency, name)],
        )

    def _remedies(self, node: ModuleNode, dependency: Dependency, name: str) -> Iterator[str]:
        token = dependency.token
        place = f"`providers=` of `{node.label}`"
        if isinstance(token, type) and token.__module__ in ("builtins", "typing"):
            yield f"give `{dependency.name}` a default, or inject a setting or `Annotated[{name}, TOKEN]`"
            return
        yield from self._near(token, name)
        if dependency.many:
            yield f"add `provide({name}, use_class=…, multi=True)` to {place}"
        elif is_too_deep(token):
            yield f"let `{dependency.name}` ask for a parametrisation that does not grow without end"
        elif get_origin(token) is not None:
            yield f"add `provide({name}, use_class=…)` to {place}, or import the module that provides it"
        elif _is_token(dependency):
            yield f"add `provide({name}, use_value=…)` to {place}"
        elif any(generic.origin is token for generic, _ in self.graph.generics):
            yield f"name what it is for: `{name}[…]`"
        elif _is_abstract(token):
            yield f"add `provide({name}, use_class=…)` to {place}, or of a module that it imports"
        else:
            yield f"add `{name}` to {place}, or of a module that it imports"

    def _near(self, token: Any, name: str) -> Iterator[str]:
        for binding in sorted(self.graph.bindings, key=_by_name):
            if binding.token is not token and token in getattr(binding.token, "__mro__", ()) and token is not object:
                home = binding.module.label
                yield f"`{binding.label}` in `{home}` is one: add `provide({name}, use_existing={binding.label})`"
                return
        from difflib import get_close_matches

        words = {binding.label for binding in self.graph.bindings if name_of(binding.token) != name}
        for close in get_close_matches(name, sorted(words), n=1, cutoff=0.8):
            yield f"`{close}` has a similar name"

    # -- layers

    def layer(self) -> None:
        for family, token in GLOBAL_TOKENS.items():
            uses = [self._use_binding(family, binding, "global") for binding in self.graph.bindings_of(token)]
            self.graph.global_layers[family] = _once([use for use in uses if use is not None], self.graph)
        self.graph.handlers = [
            self._piped(msgspec.structs.replace(handler, layers=self._all_layers(handler)))
            for handler in self.graph.handlers
        ]

    def _piped(self, handler: Handler) -> Handler:
        """Give each parameter the pipes of its own options."""
        if not any(pipes_of(parameter.hint) for parameter in handler.parameters):
            return handler
        parameters = []
        for parameter in handler.parameters:
            bound = handler.layers["pipes"]
            own = [self._use(handler, "pipes", pipe, "method") for pipe in pipes_of(parameter.hint)]
            uses = _once([*bound, *(use for use in own if use is not None)], self.graph)
            parameters.append(msgspec.structs.replace(parameter, pipes=uses[len(bound) :]))
        return msgspec.structs.replace(handler, parameters=tuple(parameters))

    def _all_layers(self, handler: Handler) -> Layers:
        host, method = own(handler.host.source), own(handler.function)
        lifted = handler.public or not any(marker.exposed for marker in handler.markers)
        if host.keys().isdisjoint(GLOBAL_TOKENS) and method.keys().isdisjoint(GLOBAL_TOKENS):
            if lifted not in self._without_own:
                self._without_own[lifted] = self._layers(handler, (), lifted=lifted)
            return self._without_own[lifted]
        return self._layers(handler, (("host", host), ("method", method)), lifted=lifted)

    def _layers(self, handler: Handler, sites: Sites, *, lifted: bool) -> Layers:
        layers: Layers = {}
        for family in GLOBAL_TOKENS:
            # Nobody from outside calls what is not exposed, and a guard would find no caller to ask about.
            uses = [use for use in self.graph.global_layers[family] if not (lifted and use.posture)]
            for site, metadata in sites:
                for layer in metadata.get(family, ()):
                    use = self._use(handler, family, layer, site)
                    if use is not None:
                        uses.append(use)
            layers[family] = _once(uses, self.graph)
        return layers

    def _use(self, handler: Handler, family: Family, layer: Any, site: Any) -> LayerUse | None:
        if not isinstance(layer, type):
            return LayerUse(type(layer), None, layer, site)
        found = self._resolve(handler.host.module, Dependency(f"@use_{family}", layer), f"`{handler.label}`")
        return self._use_binding(family, found[0], site) if found else None

    def _use_binding(self, family: Family, binding: Binding, site: Any) -> LayerUse | None:
        cls = _class_of(binding)
        if cls is None and binding.kind == "existing":
            return None  # what it stands for is missing or a loop, and reported as such
        if cls is None:
            self.problems.append(
                HandlerError(
                    f"The factory of `{binding.label}` in `{binding.module.label}` does not say which layer it makes.",
                    hints=("annotate its result with the layer's class",),
                )
            )
            return None
        try:
            check_layer(family, cls)
        except DefinitionError as error:
            self.problems.append(HandlerError(f"{error} (bound in `{binding.module.label}`).", hints=()))
            return None
        return LayerUse(cls, binding, None, site)


def _class_of(binding: Binding) -> type | None:
    """Return the class of what a binding makes, as far as anything says so; aliases in a loop say nothing."""
    seen: set[Binding] = set()
    while binding.kind == "existing":
        if binding in seen or not (binding.links and binding.links[0]):
            return None
        seen.add(binding)
        binding = binding.links[0][0]
    if binding.kind == "value":
        return type(binding.source)
    if binding.kind == "factory" and not isinstance(binding.source, type):
        hint, _ = return_hint(binding.source, Names())
        return made_by(hint)
    return binding.source if isinstance(binding.source, type) else None


def _by_name(binding: Binding) -> tuple[object, ...]:
    """Order what a message speaks of: list order never matters."""
    return qualified(binding.token), *binding.position


def _consumer(binding: Binding, dependency: Dependency) -> str:
    if binding.kind in ("class", "settings") or dependency.name == "use_existing":
        return f"`{binding.label}`"
    return f"The factory of `{binding.label}`"


def _once(uses: list[LayerUse], graph: Graph) -> tuple[LayerUse, ...]:
    kept: dict[int, LayerUse] = {}
    for use in uses:
        earlier = kept.setdefault(id(_identity(use)), use)
        if earlier is not use:
            note = f"{name_of(use.layer)} runs once: kept at {earlier.site}, skipped at {use.site}"
            graph.notices[note] = logging.DEBUG
    return tuple(kept.values())


def _identity(use: LayerUse) -> object:
    """Return what makes two uses one layer: the class that the container builds, else the very object."""
    if use.binding is None:
        return use.instance
    binding = use.binding.settled
    return binding.source if binding.kind in ("class", "value") else binding


def _is_token(dependency: Dependency) -> bool:
    return not isinstance(dependency.token, type) and get_origin(dependency.token) is None


def _is_abstract(token: Any) -> bool:
    return bool(getattr(token, "_is_protocol", False) or getattr(token, "__abstractmethods__", ()))


def _wrong_number(node: ModuleNode, dependency: Dependency, consumer: str, binding: Binding) -> Problem:
    name = binding.label
    if binding.multi:
        return MissingProviderError(
            f"{consumer} in `{node.label}` needs one `{name}` (`{dependency.name}`), which is bound with `multi=True`.",
            hints=(f"annotate it `list[{name}]`",),
        )
    return MissingProviderError(
        f"{consumer} in `{node.label}` needs `list[{name}]` (`{dependency.name}`), and `{name}` is bound once.",
        hints=(f"write `multi=True` on the binding of `{name}`, or annotate it `{name}`",),
    )


def _duplicate(bindings: list[Binding]) -> DuplicateProviderError:
    name = bindings[0].label
    homes = list(dict.fromkeys(f"`{binding.module.label}`" for binding in bindings))
    hints: tuple[str, ...]
    if len(homes) == 1:
        where, hints = f"twice by {homes[0]}", (f"remove one of the two lines from {homes[0]}",)
    else:
        where = f"by {' and '.join(homes)}"
        hints = (
            f"keep `{name}` in one module and import that module in the other",
            "or write `multi=True` on each binding and inject a list",
        )
    return DuplicateProviderError(f"`{name}` is provided {where}.", hints=hints)

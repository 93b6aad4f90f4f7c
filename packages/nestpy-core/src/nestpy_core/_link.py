"""Links the graph: gives every dependency its bindings and every handler its layers, or says what is missing."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import Any, get_origin

import msgspec

from ._factory import made_by
from ._graph import Binding, Graph, LayerUse, ModuleNode
from ._handler import Handler, pipes_of
from ._hints import Dependency, Names, return_hint
from ._layer import GLOBAL_TOKENS, Family, is_one_of, misfits, no_layer
from ._metadata import own
from ._module import module_meta
from ._names import is_private, name_of, place_of, qualified, written
from ._provider import Provider, Token
from ._visibility import Visibility
from .errors import AccessError, DuplicateProviderError, HandlerError, MissingProviderError, Problem

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
        self._checked: set[tuple[Family, type]] = set()

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
                self._resolve(binding.module, dependency, _consumer(binding, dependency), argument.hint)
                for argument, dependency in binding.arguments
            )
        for handler in self.graph.handlers:
            for parameter in handler.parameters:
                if parameter.inject is not None:
                    found = self._resolve(handler.host.module, parameter.inject, f"`{handler.label}`")
                    self.graph.injected[handler.host, handler.name, parameter.name] = found

    def _resolve(
        self, node: ModuleNode, dependency: Dependency, consumer: str, hint: Any = None
    ) -> tuple[Binding, ...]:
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
        elif not dependency.optional and dependency.token not in self.graph.refused:
            from ._remedies import missing

            self.problems.append(missing(self.graph, node, dependency, consumer, hint))
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
                hints=(f"add {_in_a_list(owner)} to `exports=` of `{home.label}`",),
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
            self._check_methods(family, type(layer))
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
        if not is_one_of(family, cls):
            sentence, hint = no_layer(family, cls, bound=site == "global")
            self.problems.append(HandlerError(f"{sentence} (bound in `{binding.module.label}`).", hints=(hint,)))
            return None
        self._check_methods(family, cls)
        return LayerUse(cls, binding, None, site)

    def _check_methods(self, family: Family, cls: type) -> None:
        """Look once at each class whether its methods take what the family's are called with."""
        if (family, cls) in self._checked:
            return
        self._checked.add((family, cls))
        for method, given in misfits(family, cls):
            word = "async def" if inspect.iscoroutinefunction(method) else "def"
            self.problems.append(
                HandlerError(
                    f"`{method.__name__}` of `{name_of(cls)}` does not take what it is called with: "
                    f"`{given}` ({place_of(method)}).",
                    hints=(f"write `{word} {method.__name__}({given})`",),
                )
            )


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


def _wrong_number(node: ModuleNode, dependency: Dependency, consumer: str, binding: Binding) -> Problem:
    name = binding.label
    if binding.multi:
        return MissingProviderError(
            f"{consumer} in `{node.label}` needs one `{name}` (`{dependency.name}`), which is bound with `multi=True`.",
            hints=(f"annotate it `{_as_list(binding)}`",),
        )
    return MissingProviderError(
        f"{consumer} in `{node.label}` needs `list[{name}]` (`{dependency.name}`), and `{name}` is bound once.",
        hints=(f"write `multi=True` on the binding of `{name}`, or annotate it `{name}`",),
    )


def _as_list(binding: Binding) -> str:
    """Return the annotation that asks for every binding of a token."""
    if not isinstance(binding.token, Token):
        return f"list[{binding.label}]"
    return f"Annotated[list[…], {written(binding.token) or 'TOKEN'}]"


def _in_a_list(binding: Binding) -> str:
    """Return how messages name a token that is to be added to a list."""
    if not isinstance(binding.token, Token):
        return f"`{binding.label}`"
    variable = written(binding.token)
    return f"`{variable}`" if variable else f"the token `{binding.label}`"


def _duplicate(bindings: list[Binding]) -> DuplicateProviderError:
    name = bindings[0].label
    homes = list(dict.fromkeys(f"`{binding.module.label}`" for binding in bindings))
    hints: tuple[str, ...]
    origins = _origins(bindings[0]) if len(homes) == 1 else []
    if len(origins) > 1:
        where, hint = _apart(origins, homes[0])
        hints = (hint,)
    elif len(homes) == 1:
        where, hints = f"twice by {homes[0]}", (f"remove one of the two lines from {homes[0]}",)
    else:
        where = f"by {' and '.join(homes)}"
        hints = (
            f"keep `{name}` in one module and import that module in the other",
            "or write `multi=True` on each binding and inject a list",
        )
    return DuplicateProviderError(f"`{name}` is provided {where}.", hints=hints)


def _origins(binding: Binding) -> list[str]:
    """Return what gave a module its lines for a token: its own declaration, and each import that adds some."""
    home = binding.module
    added = [
        f"`{item.label}`" + (f" in `{importer.label}`" if importer else "")
        for item, importer in home.additions
        if _binds(item.meta.providers, binding.token)
    ]
    meta = module_meta(home.cls) if home.feature is None else None
    return [*sorted(added), *(["its own `providers=`"] if meta and _binds(meta.providers, binding.token) else ())]


def _binds(lines: Sequence[Any], token: Any) -> bool:
    return any((line.token if isinstance(line, Provider) else line) == token for line in lines)


def _apart(origins: list[str], home: str) -> tuple[str, str]:
    """Return where two lines for one token come from, and the edit that leaves one of them."""
    first, second = origins[:2]
    if first == second:
        return f"twice by {home}: by two {first}", "keep one of them"
    where = f"twice by {home}: by {first} and by {second}"
    if second == "its own `providers=`":
        return where, "keep one of the two"
    return where, f"keep one of these imports, and import {home} as it is in the other module"

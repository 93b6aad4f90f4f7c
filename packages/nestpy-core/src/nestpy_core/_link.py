"""Links the graph: gives every dependency its bindings and every handler its layers, or says what is missing."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Iterator
from typing import Any, get_origin

from ._graph import Binding, Graph, LayerUse, ModuleNode
from ._handler import Handler
from ._hints import Dependency, Names, return_hint
from ._layer import GLOBAL_TOKENS, Family, check_layer
from ._metadata import read
from ._names import is_private, name_of, qualified
from ._visibility import Visibility
from .errors import AccessError, DefinitionError, DuplicateProviderError, HandlerError, MissingProviderError, Problem


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
        self._by_token: dict[Any, list[Binding]] = {}

    # -- one binding per token

    def settle(self) -> None:
        for binding in self.graph.bindings:
            self._by_token.setdefault(binding.token, []).append(binding)
        dropped: set[int] = set()
        for token, bindings in self._by_token.items():
            explicit = [binding for binding in bindings if not binding.implicit]
            if any(binding.multi for binding in explicit):
                self._check_mixed(token, explicit)
                continue
            chosen = [binding for binding in explicit if not binding.default] or explicit
            dropped.update(id(binding) for binding in explicit if binding not in chosen)
            if len(chosen) > 1:
                self.problems.append(_duplicate(token, chosen))
        self._drop(dropped)
        self.visibility = Visibility(self.graph)
        self.problems.extend(self.visibility.problems)

    def _check_mixed(self, token: Any, bindings: list[Binding]) -> None:
        single = [binding for binding in bindings if not binding.multi]
        if single:
            self.problems.append(
                DuplicateProviderError(
                    f"`{name_of(token)}` is bound with `multi=True` and, in `{single[0].module.label}`, without.",
                    hints=("write `multi=True` on every binding of it, or on none",),
                )
            )

    def _drop(self, dropped: set[int]) -> None:
        if not dropped:
            return
        self.graph.bindings = [binding for binding in self.graph.bindings if id(binding) not in dropped]
        self.graph.handlers = [handler for handler in self.graph.handlers if id(handler.host) not in dropped]
        for node in self.graph.modules:
            node.bindings = [binding for binding in node.bindings if id(binding) not in dropped]
        for bindings in self._by_token.values():
            bindings[:] = [binding for binding in bindings if id(binding) not in dropped]

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
        bindings = self._by_token.get(dependency.token, [])
        several = sorted((one for one in bindings if one.multi), key=lambda one: (one.order, qualified(one.source)))
        if dependency.many and several:
            return tuple(several)
        if several or (dependency.many and bindings and not _is_token(dependency)):
            self.problems.append(_wrong_number(node, dependency, consumer, several=bool(several)))
            return ()
        visible = [one for one in bindings if self.visibility.sees(node, one)]
        if visible:
            return (visible[0],)
        beyond = [one for one in bindings if not one.implicit]
        if beyond:
            self.problems.append(self._no_access(node, dependency, consumer, beyond[0]))
        elif not dependency.optional:
            self.problems.append(self._missing(node, dependency, consumer))
        return ()

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
        via = next((one for one in node.imports if home in one.imports), None)
        hints = [f"add `{home.label}` to `imports=` of `{node.label}`"]
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
        token = dependency.token
        name = name_of(token)
        asked = f"list[{name}]" if dependency.many else name
        return MissingProviderError(
            f"{consumer} in `{node.label}` needs `{asked}` (`{dependency.name}`), and no module provides it.",
            hints=list(self._remedies(node, dependency, name)),
        )

    def _remedies(self, node: ModuleNode, dependency: Dependency, name: str) -> Iterator[str]:
        token = dependency.token
        if isinstance(token, type) and token.__module__ == "builtins":
            yield f"give `{dependency.name}` a default, or inject a setting or `Annotated[{name}, TOKEN]`"
            return
        for binding in self.graph.bindings:
            if isinstance(token, type) and isinstance(binding.token, type) and _implements(binding.token, token):
                yield f"`{binding.label}` in `{binding.module.label}` is one: add `provide({name}, use_existing={binding.label})`"
                break
        words = [binding.label for binding in self.graph.bindings if binding.label != name]
        close = difflib.get_close_matches(name, words, n=1, cutoff=0.8)
        if close:
            yield f"`{close[0]}` has a similar name"
        if dependency.many:
            yield f"add `provide({name}, use_class=…, multi=True)` to `providers=` of `{node.label}`"
        elif get_origin(token) is not None:
            yield f"add `provide({name}, use_class=…)` to `providers=` of `{node.label}`, or import the module that provides it"
        elif _is_token(dependency):
            yield f"add `provide({name}, use_value=…)` to `providers=` of `{node.label}`"
        else:
            yield f"add `{name}` to `providers=` of `{node.label}`, or of a module that it imports"

    # -- layers

    def layer(self) -> None:
        for family, token in GLOBAL_TOKENS.items():
            bindings = sorted(self._by_token.get(token, []), key=lambda one: (one.order, qualified(one.source)))
            uses = [self._use_binding(family, binding, "global") for binding in bindings]
            self.graph.global_layers[family] = _once([use for use in uses if use is not None], self.graph)
        self.graph.handlers = [
            dataclasses.replace(handler, layers={family: self._layers(handler, family) for family in GLOBAL_TOKENS})
            for handler in self.graph.handlers
        ]

    def _layers(self, handler: Handler, family: Family) -> tuple[LayerUse, ...]:
        uses = [use for use in self.graph.global_layers[family] if not (handler.public and _decides(use))]
        for site, target in (("host", handler.host.source), ("method", handler.function)):
            for layer in read(target, family, ()):
                use = self._use(handler, family, layer, site)
                if use is not None:
                    uses.append(use)
        return _once(uses, self.graph)

    def _use(self, handler: Handler, family: Family, layer: Any, site: Any) -> LayerUse | None:
        if not isinstance(layer, type):
            return LayerUse(type(layer), None, layer, site)
        found = self._resolve(handler.host.module, Dependency(f"@use_{family}", layer), f"`{handler.label}`")
        return self._use_binding(family, found[0], site) if found else None

    def _use_binding(self, family: Family, binding: Binding, site: Any) -> LayerUse | None:
        cls = self._class_of(binding)
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

    def _class_of(self, binding: Binding) -> type | None:
        if binding.kind == "value":
            return type(binding.source)
        if binding.kind == "existing":
            return self._class_of(binding.links[0][0]) if binding.links and binding.links[0] else None
        if binding.kind == "factory" and not isinstance(binding.source, type):
            hint, _ = return_hint(binding.source, Names())
            hint = get_origin(hint) or hint
            return hint if isinstance(hint, type) and hint is not inspect.Parameter.empty else None
        return binding.source if isinstance(binding.source, type) else None


def _decides(use: LayerUse) -> bool:
    """Say whether a layer is a guard that authenticates or authorizes: `@public` lifts such global ones."""
    return getattr(use.layer, "posture", False) is True


def _consumer(binding: Binding, dependency: Dependency) -> str:
    if binding.kind in ("class", "settings") or dependency.name == "use_existing":
        return f"`{binding.label}`"
    return f"The factory of `{binding.label}`"


def _once(uses: list[LayerUse], graph: Graph) -> tuple[LayerUse, ...]:
    kept: dict[int, LayerUse] = {}
    for use in uses:
        key = id(use.layer) if use.binding is not None else id(use.instance)
        earlier = kept.setdefault(key, use)
        if earlier is not use:
            note = f"{name_of(use.layer)} runs once: kept at {earlier.site}, skipped at {use.site}"
            if note not in graph.notices:
                graph.notices.append(note)
    return tuple(kept.values())


def _implements(candidate: type, wanted: type) -> bool:
    if getattr(wanted, "_is_protocol", False):
        return wanted in candidate.__mro__
    return candidate is not wanted and issubclass(candidate, wanted) and wanted is not object


def _is_token(dependency: Dependency) -> bool:
    return not isinstance(dependency.token, type) and get_origin(dependency.token) is None


def _wrong_number(node: ModuleNode, dependency: Dependency, consumer: str, *, several: bool) -> Problem:
    name = name_of(dependency.token)
    if several:
        return MissingProviderError(
            f"{consumer} in `{node.label}` needs one `{name}` (`{dependency.name}`), which is bound with `multi=True`.",
            hints=(f"annotate it `list[{name}]`",),
        )
    return MissingProviderError(
        f"{consumer} in `{node.label}` needs `list[{name}]` (`{dependency.name}`), and `{name}` is bound once.",
        hints=(f"write `multi=True` on the binding of `{name}`, or annotate it `{name}`",),
    )


def _duplicate(token: Any, bindings: list[Binding]) -> DuplicateProviderError:
    homes = [f"`{binding.module.label}`" for binding in bindings]
    name = name_of(token)
    where = f"twice by {homes[0]}" if len(set(homes)) == 1 else f"by {' and '.join(homes)}"
    hints = (
        (f"remove one of the two lines from {homes[0]}",)
        if len(set(homes)) == 1
        else (
            f"keep `{name}` in one module and import that module in the other",
            "or write `multi=True` on each binding and inject a list",
        )
    )
    return DuplicateProviderError(f"`{name}` is provided {where}.", hints=hints)

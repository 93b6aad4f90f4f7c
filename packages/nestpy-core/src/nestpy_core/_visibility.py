"""Answers what a module sees: its own providers, its imports' exports, shared modules, contributions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._graph import Binding, Graph, ModuleNode
from ._module import DynamicModule, module_meta
from ._names import is_private, name_of
from ._provider import Token
from .errors import ModuleError


class Visibility:
    """What each module of a graph exports and sees, computed once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._exported: dict[ModuleNode, frozenset[Binding]] = {}
        self._visible: dict[ModuleNode, frozenset[Binding]] = {}
        self._spread()
        self._everywhere = self._shared()
        self.problems = [problem for node in graph.modules for problem in self._check_exports(node)]

    def sees(self, node: ModuleNode, binding: Binding) -> bool:
        """Say whether a consumer in *node* may be given *binding*."""
        return binding.module is node or binding in self._visible_to(node)

    def exports(self, node: ModuleNode, binding: Binding) -> bool:
        """Say whether importers of *node* see *binding*."""
        return binding in self._exported[node]

    def _visible_to(self, node: ModuleNode) -> frozenset[Binding]:
        found = self._visible.get(node)
        if found is None:
            found = self._everywhere.union(*(self._exported[imported] for imported in node.imports))
            self._visible[node] = found
        return found

    def _spread(self) -> None:
        """Pass exports on from import to importer until nothing changes; modules may import each other in a loop."""
        self._exported = dict.fromkeys(self._graph.modules, frozenset())
        changed = True
        while changed:
            changed = False
            for node in reversed(self._graph.modules):
                found = frozenset(self._find_exports(node))
                changed = changed or len(found) != len(self._exported[node])
                self._exported[node] = found

    def _find_exports(self, node: ModuleNode) -> Iterator[Binding]:
        if node.exports is None:
            yield from (binding for binding in node.bindings if not (is_private(binding.token) or binding.implicit))
            for imported in node.imports:
                yield from self._exported[imported]
            return
        for item in node.exports:
            for imported in self._named(node, item):
                yield from self._exported[imported]
            yield from self._bindings_for(node, item)

    def _named(self, node: ModuleNode, item: Any) -> list[ModuleNode]:
        if isinstance(item, DynamicModule):
            named = item.module, item.feature
            return [imported for imported in node.imports if (imported.cls, imported.feature) == named]
        return [imported for imported in node.imports if imported.cls is item and item is not None]

    def _bindings_for(self, node: ModuleNode, token: Any) -> Iterator[Binding]:
        if is_private(token):
            return
        for binding in self._graph.bindings_of(token):
            if binding.module is node or any(binding in self._exported[imported] for imported in node.imports):
                yield binding

    def _check_exports(self, node: ModuleNode) -> Iterator[ModuleError]:
        for item in node.exports or ():
            if is_private(item) and any(binding.module is node for binding in self._graph.bindings_of(item)):
                yield _private(node, item)
                continue
            if self._named(node, item) or any(self._bindings_for(node, item)):
                continue
            name = item.label if isinstance(item, DynamicModule) else name_of(item)
            is_module = isinstance(item, DynamicModule) or module_meta(item) is not None
            place = "`imports=`" if is_module else "`providers=`"
            line = f"`{name}`"
            if isinstance(item, Token):
                from ._remedies import provide_line

                line = provide_line(item, "use_value=…")
            yield ModuleError(
                f"`{node.label}` exports `{name}`, which it neither provides nor imports.",
                hints=(f"add {line} to {place} of `{node.label}`, or remove it from `exports=`",),
            )

    def _shared(self) -> frozenset[Binding]:
        """Return what is visible everywhere: contributions, unlisted sections, shared modules the root imports."""
        found = {binding for node in self._graph.modules if node.cls is None for binding in node.bindings}
        found |= {
            binding
            for binding in self._graph.bindings
            if binding.implicit and (binding.kind == "settings" or binding.token in self._graph.sections)
        }
        seen: set[ModuleNode] = set()
        queue = list(self._graph.root.imports)
        while queue:
            node = queue.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.shared:
                found |= self._exported[node]
            queue += node.imports if node.exports is None else self._reexported(node)
        return frozenset(found)

    def _reexported(self, node: ModuleNode) -> list[ModuleNode]:
        return [imported for item in node.exports or () for imported in self._named(node, item)]


def _private(node: ModuleNode, token: Any) -> ModuleError:
    name = name_of(token)
    return ModuleError(
        f"`{node.label}` exports `{name}`, which is private by its name.",
        hints=(f"rename `{name}` without its leading underscore, or remove it from `exports=`",),
    )

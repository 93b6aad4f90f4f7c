"""Answers what a module sees: its own providers, its imports' exports, shared modules, contributions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._graph import Binding, Graph, ModuleNode
from ._module import DynamicModule, module_meta
from ._names import is_private, name_of
from .errors import ModuleError


class Visibility:
    """What each module of a graph exports and sees, computed once per module."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._exported: dict[int, frozenset[int]] = {}
        self._visible: dict[int, frozenset[int]] = {}
        self._everywhere: frozenset[int] = frozenset()
        self._everywhere = self._shared()
        self.problems = [problem for node in graph.modules for problem in self._check_exports(node)]

    def sees(self, node: ModuleNode, binding: Binding) -> bool:
        """Say whether a consumer in *node* may be given *binding*."""
        return binding.module is node or id(binding) in self._visible_to(node)

    def exports(self, node: ModuleNode, binding: Binding) -> bool:
        """Say whether importers of *node* see *binding*."""
        return id(binding) in self._exports_of(node)

    def _visible_to(self, node: ModuleNode) -> frozenset[int]:
        found = self._visible.get(id(node))
        if found is None:
            found = self._everywhere.union(*(self._exports_of(imported) for imported in node.imports))
            self._visible[id(node)] = found
        return found

    def _exports_of(self, node: ModuleNode) -> frozenset[int]:
        found = self._exported.get(id(node))
        if found is None:
            found = self._exported[id(node)] = frozenset(self._find_exports(node))
        return found

    def _find_exports(self, node: ModuleNode) -> Iterator[int]:
        if node.exports is None:
            yield from (id(binding) for binding in node.bindings if not (is_private(binding.token) or binding.implicit))
            for imported in node.imports:
                yield from self._exports_of(imported)
            return
        for item in node.exports:
            for imported in self._named(node, item):
                yield from self._exports_of(imported)
            yield from self._bindings_for(node, item)

    def _named(self, node: ModuleNode, item: Any) -> list[ModuleNode]:
        cls = item.module if isinstance(item, DynamicModule) else item
        return [imported for imported in node.imports if imported.cls is cls and cls is not None]

    def _bindings_for(self, node: ModuleNode, token: Any) -> Iterator[int]:
        yield from (id(binding) for binding in node.bindings if binding.token == token)
        reachable = frozenset[int]().union(*(self._exports_of(imported) for imported in node.imports))
        for binding in self._graph.bindings:
            if binding.token == token and id(binding) in reachable:
                yield id(binding)

    def _check_exports(self, node: ModuleNode) -> Iterator[ModuleError]:
        for item in node.exports or ():
            if self._named(node, item) or any(self._bindings_for(node, item)):
                continue
            name = item.label if isinstance(item, DynamicModule) else name_of(item)
            is_module = isinstance(item, DynamicModule) or module_meta(item) is not None
            place = "`imports=`" if is_module else "`providers=`"
            yield ModuleError(
                f"`{node.label}` exports `{name}`, which it neither provides nor imports.",
                hints=(f"add `{name}` to {place} of `{node.label}`, or remove it from `exports=`",),
            )

    def _shared(self) -> frozenset[int]:
        found = {id(binding) for node in self._graph.modules if node.cls is None for binding in node.bindings}
        seen: set[int] = set()
        queue = list(self._graph.root.imports)
        while queue:
            node = queue.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.shared:
                found |= self._exports_of(node)
            passed_on = node.imports if node.exports is None else None
            queue += passed_on if passed_on is not None else self._reexported(node)
        return frozenset(found)

    def _reexported(self, node: ModuleNode) -> list[ModuleNode]:
        return [imported for item in node.exports or () for imported in self._named(node, item)]

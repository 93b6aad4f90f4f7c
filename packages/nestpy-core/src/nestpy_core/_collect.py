"""Collects the graph: walks from the root module, takes in what plugins add, reads every declaration once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ._app_config import AppConfig
from ._bindings import Bindings
from ._clock import Clock
from ._context import ExecutionContext, Reflector
from ._graph import Graph, ModuleNode
from ._hooks import Carrier
from ._module import DynamicModule, ModuleMeta, module_meta
from ._names import name_of
from ._provider import Provider, provide
from ._section import Pin, Section
from ._signatures import Signatures
from ._status import AppStatus
from .errors import DefinitionError, ModuleError

if TYPE_CHECKING:
    import pluggy

    from ._settings import Settings


def collect(
    root: type | DynamicModule,
    hooks: pluggy.HookRelay,
    settings: Settings,
    overrides: Iterable[Provider] = (),
) -> Graph:
    """Return the graph of the application whose root module is *root*, with what is wrong with it so far.

    Raises:
        DefinitionError: *root* is no module.
    """
    cls = root.module if isinstance(root, DynamicModule) else root
    if module_meta(cls) is None:
        raise DefinitionError(f"`{name_of(cls)}` is no module.\nHint: decorate it with `@module(…)`")
    graph = Graph(root=ModuleNode(cls, name_of(cls)), settings=settings)
    graph.schema_of = lambda cls: hooks.nestpy_schema(cls=cls)
    collector = _Collector(graph, overrides)
    collector.walk(root)
    collector.contribute(hooks.nestpy_collect(graph=graph))
    collector.pin_sections()
    Signatures(graph, collector.bindings, collector.late).read()
    collector.load_sections()
    collector.contribute_late()
    graph.problems.extend(collector.bindings.unused_overrides())
    graph.distinguish()
    return graph


class _Collector:
    def __init__(self, graph: Graph, overrides: Iterable[Provider]) -> None:
        self.graph = graph
        self.bindings = Bindings(graph, overrides)
        self.late: dict[type, Callable[..., Any]] = {}
        self._nodes: dict[tuple[type | None, str | None], ModuleNode] = {}
        self._joined: set[int] = set()
        self._pins: dict[type, list[Pin]] = {}
        self._fillers: dict[type, ModuleNode] = {}
        self._waiting: list[tuple[ModuleNode, ModuleMeta]] = []
        self._plugins = ModuleNode(None, "plugins", shared=True)

    # -- modules

    def walk(self, start: type | DynamicModule) -> None:
        core = ModuleNode(None, "nestpy-core", shared=True)
        own = (
            provide(Reflector, default=True),
            provide(Clock, default=True),
            provide(AppStatus),
            Carrier(ExecutionContext, ()),
            AppConfig,
        )
        for provider in own:
            self.bindings.contribute(core, provider)
        self._nodes[self.graph.root.cls, None] = self.graph.root
        self.graph.modules.append(self.graph.root)
        self._add(self.graph.root, module_meta(self.graph.root.cls))
        self._join(start, None)
        self._waiting.reverse()
        self._take_in()
        self.graph.modules.append(core)

    def _take_in(self) -> None:
        """Take in what waits, and what that imports: depth first and without recursion."""
        while self._waiting:
            node, meta = self._waiting.pop()
            if meta.exports is not None:
                node.exports = [*(node.exports or ()), *meta.exports]
            for item in meta.providers:
                self.bindings.provide(node, item)
            found, self._waiting = self._waiting, []
            for item in meta.imports:
                imported = self._join(item, node)
                if imported not in node.imports and imported is not node:
                    node.imports.append(imported)
            self._waiting = found + self._waiting[::-1]

    def _join(self, item: type | DynamicModule, importer: ModuleNode | None) -> ModuleNode:
        """Return the node of an import; what is new in it waits to be taken in."""
        if not isinstance(item, DynamicModule):
            return self._static(item)
        main = self._static(item.module)
        node = main if item.feature is None else self._feature(item, main)
        if id(item) not in self._joined:
            self._joined.add(id(item))
            self._add(node, item.meta)
            node.additions.append((item, importer))
            self._pin(item, node, importer)
        return node

    def _static(self, cls: type) -> ModuleNode:
        node = self._nodes.get((cls, None))
        if node is None:
            node = self._nodes[cls, None] = ModuleNode(cls, name_of(cls))
            self.graph.modules.append(node)
            self._add(node, module_meta(cls))
        return node

    def _feature(self, item: DynamicModule, main: ModuleNode) -> ModuleNode:
        key = (item.module, item.feature)
        if key not in self._nodes:
            self._nodes[key] = ModuleNode(item.module, item.label, imports=[main], feature=item.feature)
            self.graph.modules.append(self._nodes[key])
        return self._nodes[key]

    def _add(self, node: ModuleNode, meta: ModuleMeta | None) -> None:
        if meta is not None:
            node.shared = node.shared or meta.shared
            self._waiting.append((node, meta))

    def contribute(self, contributions: Iterable[Iterable[Any] | None]) -> None:
        self.graph.modules.append(self._plugins)
        for contribution in contributions:
            for item in contribution or ():
                self.bindings.contribute(self._plugins, item)

    def contribute_late(self) -> None:
        self.bindings.contribute_late(self._plugins)

    # -- configuration

    def _pin(self, dynamic: DynamicModule, node: ModuleNode, importer: ModuleNode | None) -> None:
        origin = f"`{dynamic.label}`" + (f" in `{importer.label}`" if importer else "")
        for cls, values in dynamic.settings.items():
            self._pins.setdefault(cls, []).append(Pin(values, origin))
        for cls, factory in dynamic.late.items():
            if cls in self.late:
                self.graph.problems.append(
                    ModuleError(
                        f"Two `for_root_async` fill `{name_of(cls)}`; one is {origin}.",
                        hints=("keep one of them",),
                    )
                )
            self.late[cls] = factory
            self._fillers[cls] = node

    def pin_sections(self) -> None:
        """Bind the sections that nobody lists and some module fills: in that module, visible everywhere."""
        listed = {binding.token for binding in self.graph.bindings}
        for cls in dict.fromkeys([*self._pins, *self.late]):
            if cls not in listed:
                self.bindings.section(self._fillers.get(cls, self._plugins), cls, implicit=True)

    def load_sections(self) -> None:
        bound = [binding for binding in self.graph.bindings if binding.kind == "settings"]
        sections = {
            cls: Section(cls, tuple(self._pins.get(cls, ())), deferred=cls in self.late)
            for cls in sorted({binding.source for binding in bound}, key=name_of)
        }
        sound = [section for section in sections.values() if self._is_sound(section)]
        loaded, problems = self.graph.settings.load(sound)
        self.graph.sections.update(loaded)
        self.graph.sections.asked = sections
        self.graph.problems.extend(problems)
        for unknown in self.graph.settings.unknown(sound):
            self.graph.notices[str(unknown)] = logging.WARNING
        for binding in bound:
            cls = binding.source
            binding.constants = {"section": sections[cls], "late": self.late.get(cls)}

    def _is_sound(self, section: Section) -> bool:
        """Say whether a section's declaration can be read; a problem tells why not."""
        try:
            return section.meta.fields is not None
        except DefinitionError as error:
            sentence, *hints = str(error).split("\nHint: ")
            self.graph.problems.append(ModuleError(sentence, hints=hints))
            return False

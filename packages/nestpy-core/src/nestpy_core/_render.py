"""Draws graphs: the loop of a cycle, the path of a scope violation, the tree and Mermaid of an app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ._graph import Binding, Graph, ModuleNode
from ._handler import Handler, hosts_of
from ._hints import Dependency
from ._names import name_of


def draw_cycle(loop: Sequence[tuple[str, Binding]]) -> list[str]:
    """Draw a loop, given as (field, binding) steps whose last one is the first again."""
    first = loop[0][1]
    lines = [f"  ╭─▶ {first.label} ({first.module.label})"]
    for field, binding in loop[1:-1]:
        lines.append(f"  │     ▼ {field}")
        lines.append(f"  │   {binding.label} ({binding.module.label})")
    lines.append(f"  ╰─────╯ {loop[-1][0]}")
    return lines


def draw_path(path: Sequence[tuple[str, Binding]]) -> list[str]:
    """Draw how the first binding reaches the last, with fields and scopes."""
    lines = []
    for depth, (field, binding) in enumerate(path):
        lead = "  " if depth == 0 else "  " + "   " * (depth - 1) + "└─ " + f"{field}: "
        scope = {"carrier": "given by the edge", "existing": "alias"}.get(binding.kind, binding.scope.value)
        lines.append(f"{lead}{binding.label} ({scope})")
    return lines


def draw_tree(graph: Graph) -> str:
    """Draw modules, providers and handlers as a tree; a module that was drawn above is named only."""
    drawn: set[int] = set()
    lines = [graph.root.label, *_branches(graph.root, graph, "", drawn)]
    rest = [node for node in graph.modules if node.cls is None and node.bindings and id(node) not in drawn]
    for node in rest:
        lines += [node.label, *_branches(node, graph, "", drawn)]
    return "\n".join(lines)


def _branches(node: ModuleNode, graph: Graph, indent: str, drawn: set[int]) -> Iterator[str]:
    drawn.add(id(node))
    items: list[Binding | ModuleNode] = [*node.bindings, *node.imports]
    for number, item in enumerate(items, 1):
        last = number == len(items)
        lead, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if isinstance(item, Binding):
            yield f"{indent}{lead}{_provider_text(item, graph)}"
            yield from _handler_lines(item, graph, indent + below)
        elif id(item) in drawn:
            yield f"{indent}{lead}{item.label} (above)"
        else:
            yield f"{indent}{lead}{item.label}"
            yield from _branches(item, graph, indent + below, drawn)


def _provider_text(binding: Binding, graph: Graph) -> str:
    notes: list[str] = []
    if binding.kind in ("value", "factory", "carrier", "settings"):
        notes.append(binding.kind)
    elif binding.source is not binding.token:
        notes.append(f"is {name_of(binding.source)}")
    if binding.scope.value != "singleton" and binding.kind != "carrier":
        notes.append(binding.scope.value)
    notes += ["multi"] * binding.multi + ["implicit"] * binding.implicit
    needs = [target.label for _, target in binding.dependencies()]
    needs += [f"{name_of(dependency.token)} ({_lack(dependency, graph)})" for dependency in _unmet(binding)]
    text = f"{binding.label} ({', '.join(notes)})" if notes else binding.label
    return f"{text} ← {', '.join(needs)}" if needs else text


def _unmet(binding: Binding) -> Iterator[Dependency]:
    """Yield what a provider of an app that does not boot needs and does not get."""
    for (_, dependency), targets in zip(binding.arguments, binding.links, strict=False):
        if not targets and not dependency.optional:
            yield dependency


def _lack(dependency: Dependency, graph: Graph) -> str:
    return "out of reach" if graph.bindings_of(dependency.token) else "missing"


def _handler_lines(binding: Binding, graph: Graph, indent: str) -> Iterator[str]:
    own = [handler for handler in graph.handlers if handler.host is binding]
    for handler in own:
        words = " ".join(dict.fromkeys(marker.word for marker in handler.markers))
        unmet = [f"{name_of(one.token)} ({_lack(one, graph)})" for one in _unmet_by(handler, graph)]
        yield f"{indent}· {words} {handler.name}" + (f" ← {', '.join(unmet)}" if unmet else "")


def _unmet_by(handler: Handler, graph: Graph) -> Iterator[Dependency]:
    for parameter in handler.parameters:
        dependency = parameter.inject
        if dependency is None or dependency.optional:
            continue
        if not graph.injected.get((handler.host, handler.name, parameter.name)):
            yield dependency


def draw_mermaid(graph: Graph) -> str:
    """Draw modules as boxes, providers in them, imports and injections as arrows, in Mermaid's flowchart language.

    Imports are thick, injections thin, and what is not there is dashed.
    """
    ids = {id(binding): f"p{number}" for number, binding in enumerate(graph.bindings)}
    modules = {id(node): f"m{number}" for number, node in enumerate(graph.modules)}
    lines = ["flowchart LR"]
    for node in graph.modules:
        if node.bindings:
            lines.append(f'  subgraph {modules[id(node)]}["{_escape(node.label)}"]')
            lines += [f"    {_box(binding, ids[id(binding)])}" for binding in node.bindings]
            lines.append("  end")
        elif node.cls is not None:
            lines.append(f'  {modules[id(node)]}[["{_escape(node.label)}"]]')
    for node in graph.modules:
        lines += [f"  {modules[id(node)]} ==> {modules[id(one)]}" for one in node.imports if id(one) in modules]
    for binding in graph.bindings:
        lines += [
            f"  {ids[id(binding)]} --> {ids[id(target)]}" for _, target in binding.dependencies() if id(target) in ids
        ]
    return "\n".join([*lines, *_dashed(graph, ids)])


def _dashed(graph: Graph, ids: Mapping[int, str]) -> Iterator[str]:
    """Draw what providers and handlers need and do not get."""
    lacks = [(binding, dependency) for binding in graph.bindings for dependency in _unmet(binding)]
    lacks += [(handler.host, dependency) for handler in graph.handlers for dependency in _unmet_by(handler, graph)]
    boxes: dict[str, str] = {}
    arrows: dict[str, None] = {}
    for consumer, dependency in lacks:
        found = [ids[id(binding)] for binding in graph.bindings_of(dependency.token)]
        label = f"{name_of(dependency.token)} (missing)"
        if not found and label not in boxes:
            boxes[label] = f"x{len(boxes)}"
            yield f'  {boxes[label]}["{_escape(label)}"]:::missing'
        for target in dict.fromkeys(found) or (boxes[label],):
            arrows[f"  {ids[id(consumer)]} -. {_lack(dependency, graph)} .-> {target}"] = None
    yield from arrows
    if boxes:
        yield "  classDef missing stroke-dasharray: 4"


def _box(binding: Binding, identifier: str) -> str:
    host = isinstance(binding.source, type) and hosts_of(binding.source)
    left, right = ("([", "])") if host else ("[", "]")
    return f'{identifier}{left}"{_escape(binding.label)}"{right}'


def _escape(text: str) -> str:
    return text.replace('"', "#quot;")

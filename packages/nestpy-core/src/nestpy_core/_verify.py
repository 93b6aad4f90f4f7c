"""Verifies the linked graph: cycles, scopes, hooks, carriers and postures, all problems at once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Annotated, get_args, get_origin

from ._graph import Binding, Graph
from ._handler import Handler
from ._hooks import Edge
from ._lifecycle import hooks_of
from ._metadata import own
from ._names import name_of, qualified, written
from ._provider import Scope, Token
from ._reach import needs_of, reachable
from .errors import CycleError, HandlerError, PostureError, Problem, ScopeError

Step = tuple[str, Binding]

_LISTED = 10
"""Open handlers that the line at boot names; an app without any guard has as many as it has handlers."""


def verify(graph: Graph) -> Iterator[Problem]:
    """Yield what is wrong with the providers and handlers of a linked graph."""
    yield from _cycles(graph)
    yield from _scopes(graph)
    yield from _carriers(graph)
    yield from _hooks(graph)
    yield from _postures(graph)


def unserved(graph: Graph, edges: Iterable[Edge]) -> Iterator[Problem]:
    """Yield one problem for each edge that handlers name and no plugin serves; operations wait for any edge."""
    served = {edge.name for edge in edges}
    operations = {(operation.host, operation.method) for operation in graph.operations}
    named: dict[str, tuple[Handler, str]] = {}
    for handler in graph.handlers:
        if (handler.host.token, handler.name) in operations:
            continue
        for marker in handler.markers:
            named.setdefault(marker.edge, (handler, marker.word))
    for edge, (handler, word) in named.items():
        if edge not in served:
            yield HandlerError(
                f"`{handler.label}` is decorated with `{word}`, and nothing serves the edge `{edge}`.",
                hints=(f"install the distribution of `{word}`, and import its module in `{graph.root.label}`",),
            )


MANY = 20
"""How many loops are drawn: whoever mends these mends the rest of a graph that has more."""


def _cycles(graph: Graph) -> Iterator[CycleError]:
    done: set[int] = set()
    if all(not any(_search(start, done)) for start in graph.bindings):
        return
    done.clear()
    reported: set[frozenset[Binding]] = set()
    for start in sorted(graph.bindings, key=_by_name):
        for loop in _search(start, done):
            members = frozenset(binding for _, binding in loop)
            if members not in reported and len(reported) < MANY:
                reported.add(members)
                yield _cycle(_turned(loop))


def _by_name(binding: Binding) -> tuple[object, ...]:
    return qualified(binding.token), *binding.position


def _turned(loop: list[Step]) -> list[Step]:
    """Begin the loop with the first of its members by name, wherever it was entered."""
    steps = loop[1:]
    first = min(range(len(steps)), key=lambda index: _by_name(steps[index][1]))
    turned = [*steps[first + 1 :], *steps[: first + 1]]
    return [("", turned[-1][1]), *turned]


def _search(start: Binding, done: set[int]) -> Iterator[list[Step]]:
    """Walk depth first without recursion, so that a chain of any length is walked; yield each loop found."""
    if id(start) in done:
        return
    path: list[Step] = [("", start)]
    on_path = {id(start): 0}
    branches = [start.dependencies()]
    while branches:
        step = next(branches[-1], None)
        if step is None:
            branches.pop()
            _, left = path.pop()
            del on_path[id(left)]
            done.add(id(left))
        elif id(step[1]) in on_path:
            first = on_path[id(step[1])]
            yield [*path[first:], step]
        elif id(step[1]) not in done:
            on_path[id(step[1])] = len(path)
            path.append(step)
            branches.append(step[1].dependencies())


def _cycle(loop: list[Step]) -> CycleError:
    from ._render import draw_cycle

    binding = loop[0][1]
    if len(loop) == 2:
        sentence = f"`{binding.label}` in `{binding.module.label}` needs itself."
        hint = f"remove the field `{loop[1][0]}`"
    else:
        names = [f"`{step[1].label}`" for step in loop[:-1]]
        sentence = f"{', '.join(names[:-1])} and {names[-1]} wait on each other."
        hint = "move what they share into a provider of its own, and inject that into each of them"
    return CycleError(sentence, drawing=draw_cycle(loop), hints=(hint,))


def _scopes(graph: Graph) -> Iterator[ScopeError]:
    for binding in graph.bindings:
        if binding.scope is not Scope.SINGLETON or binding.kind == "existing":
            continue
        for name, target in binding.dependencies():
            tail = _path_to_request(target)
            if tail is not None:
                yield _scope_error(graph, binding, [(name, target), *tail])


def _path_to_request(start: Binding) -> list[Step] | None:
    """Return the shortest steps from *start* to something request-scoped; other singletons end the search."""
    came_by: dict[Binding, tuple[str, Binding] | None] = {start: None}
    queue = deque([start])
    while queue:
        binding = queue.popleft()
        if binding.scope is Scope.REQUEST:
            return _steps(binding, came_by)
        if binding.scope is Scope.TRANSIENT or binding.kind == "existing":
            for name, target in binding.dependencies():
                if target not in came_by:
                    came_by[target] = (name, binding)
                    queue.append(target)
    return None


def _steps(end: Binding, came_by: dict[Binding, tuple[str, Binding] | None]) -> list[Step]:
    steps: list[Step] = []
    while (before := came_by[end]) is not None:
        steps.append((before[0], end))
        end = before[1]
    return steps[::-1]


def _scope_error(graph: Graph, binding: Binding, path: list[Step]) -> ScopeError:
    from ._render import draw_path

    end = path[-1][1]
    return ScopeError(
        f"`{binding.label}` in `{binding.module.label}` is a singleton and reaches `{end.label}`, "
        f"which lives for one request.",
        drawing=draw_path([("", binding), *path]),
        hints=_scope_edits(graph, binding, path),
    )


def _scope_edits(graph: Graph, binding: Binding, path: list[Step]) -> tuple[str, ...]:
    if binding.kind == "settings":
        return ("let the factory of `for_root_async` ask for nothing that lives for one request",)
    if _is_layer(graph, binding):
        return (_with_scope(graph, binding),)
    return f"take it as a handler parameter: `{_as_parameter(binding, path)}`", f"or {_with_scope(graph, binding)}"


def _is_layer(graph: Graph, binding: Binding) -> bool:
    uses = [use for found in graph.global_layers.values() for use in found]
    for handler in graph.handlers:
        uses += [use for found in handler.layers.values() for use in found]
        uses += [use for parameter in handler.parameters for use in parameter.pipes]
    return any(use.binding is not None and use.binding.settled is binding for use in uses)


def _as_parameter(binding: Binding, path: list[Step]) -> str:
    """Return the last step of a path as a handler would take it; an alias is asked for by its own name."""
    owners = [binding, *(target for _, target in path)]
    steps = [(owner, *step) for owner, step in zip(owners, path, strict=False) if owner.kind != "existing"]
    owner, name, target = steps[-1]
    hint = next(argument.hint for argument, _ in owner.arguments if argument.name == name)
    if get_origin(hint) is Annotated:
        inner, *extra = get_args(hint)
        token = next((item for item in extra if isinstance(item, Token)), None)
        asked = f"Annotated[{name_of(inner)}, {written(token) or '…'}]" if token else name_of(inner)
    else:
        asked = target.label if hint is target.token else name_of(hint)
    return f"{name}: Inject[{asked}]"


def _with_scope(graph: Graph, binding: Binding) -> str:
    """Return the edit that lets a provider live for one request, where that is said of it."""
    for generic, _ in graph.generics:
        if generic.factory is binding.source and generic.origin is get_origin(binding.token):
            factory = "" if generic.factory is generic.origin else " …,"
            return f"write `provide_generic({name_of(generic.origin)},{factory} scope=Scope.REQUEST)`"
    from ._remedies import provide_line

    itself = binding.source is binding.token
    if itself and "injectable" in own(binding.source):
        return f"declare `{binding.label}` with `scope=Scope.REQUEST`"
    if binding.implicit:
        return f"decorate `{binding.label}` with `@injectable(scope=Scope.REQUEST)`"
    making = "use_factory=…, " if binding.kind == "factory" else f"use_class={name_of(binding.source)}, "
    rest = ("" if itself and binding.kind == "class" else making) + ("multi=True, " if binding.multi else "")
    return f"write {provide_line(binding.token, f'{rest}scope=Scope.REQUEST')}"


def _carriers(graph: Graph) -> Iterator[ScopeError]:
    for handler in graph.handlers:
        edges = {marker.edge for marker in handler.markers}
        for binding in reachable(needs_of(handler, graph)):
            if binding.kind == "carrier" and binding.source and not edges <= set(binding.source):
                foreign = ", ".join(sorted(edges - set(binding.source)))
                yield ScopeError(
                    f"`{handler.label}` is called by the edge `{foreign}` and reaches `{binding.label}`, "
                    f"which only {' and '.join(binding.source)} calls carry.",
                    hints=(f"inject something that does not need `{binding.label}`",),
                )


def _hooks(graph: Graph) -> Iterator[HandlerError]:
    for binding in graph.bindings:
        if binding.kind != "class" or binding.scope is Scope.SINGLETON:
            continue
        for names in hooks_of(binding.source).values():
            yield HandlerError(
                f"`{binding.label}.{names[0]}` is a lifecycle hook of a {binding.scope.value}-scoped provider, "
                f"which does not live as long as the app.",
                hints=("move the hook to a singleton",),
            )


def _postures(graph: Graph) -> Iterator[PostureError]:
    exposed = [handler for handler in graph.handlers if any(marker.exposed for marker in handler.markers)]
    bare = [handler for handler in exposed if not (handler.public or _has_posture(handler))]
    labels = [f"`{handler.label}`" for handler in bare]
    labels += [f"`{end.path}` of {end.owner}" for end in graph.endpoints if not (end.public or _global_posture(graph))]
    if not labels:
        return
    if any(_has_posture(handler) for handler in graph.handlers) or _global_posture(graph):
        yield PostureError(
            f"{len(labels)} of the app's handlers say neither who may call them nor `@public`: {', '.join(labels)}.",
            hints=(
                "add a guard with `posture = True`, or `@public`, to each or to its host",
                "or bind one for all: `provide(APP_GUARD, use_class=…, multi=True)`",
            ),
        )
    else:
        more = f" and {len(labels) - _LISTED} more, which `nestpy routes` lists" if len(labels) > _LISTED else ""
        listed = ", ".join(labels[:_LISTED]) + more
        graph.notices[f"open to everybody, having neither guard nor @public: {listed}"] = logging.INFO


def _has_posture(handler: Handler) -> bool:
    return any(use.posture for use in handler.layers["guards"])


def _global_posture(graph: Graph) -> bool:
    return any(use.posture for use in graph.global_layers.get("guards", ()))

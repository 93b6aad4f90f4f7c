"""Takes an application from declarations to compiled code: collect, link, verify, compile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from . import _plugins
from ._collect import collect
from ._compile import Compiler
from ._graph import Graph
from ._hooks import Edge
from ._link import link
from ._module import DynamicModule
from ._provider import Provider
from ._record import Record
from ._section import unless_wrong
from ._settings import Settings
from ._verify import unserved, verify
from .errors import BootError, Problem

if TYPE_CHECKING:
    import pluggy


class Plan(Record, frozen=True):
    """A verified and compiled application, without any instance."""

    graph: Graph
    edges: tuple[Edge, ...]
    compiler: Compiler
    plugins: pluggy.PluginManager


def survey(
    root: type | DynamicModule,
    settings: Settings,
    overrides: Iterable[Provider] = (),
    plugins: Iterable[object] = (),
) -> Plan:
    """Collect, link and verify; the graph's `problems` say what is wrong. Nothing is compiled yet."""
    manager = _plugins.load(plugins)
    graph = collect(root, manager.hook, settings, overrides)
    link(graph)
    graph.problems.extend(verify(graph))
    with unless_wrong():
        graph.edges = tuple(edge for edge in manager.hook.nestpy_edge(graph=graph) if edge is not None)
        graph.problems.extend(unserved(graph, graph.edges))
    for edge in graph.edges:
        _take(graph, edge.verify)
    answers: list[Iterable[Problem] | None] = []
    _take(graph, lambda: answers.extend(manager.hook.nestpy_verify(graph=graph)))
    for answer in answers:
        _take(graph, partial(iter, answer or ()))
    graph.problems[:] = {str(problem): problem for problem in graph.problems}.values()  # several may meet one
    return Plan(graph, graph.edges, Compiler(graph, manager.hook), manager)


def _take(graph: Graph, check: Callable[[], Iterable[Problem] | None]) -> None:
    """Take in what a check returns or yields, and the problem that it may end with."""
    with unless_wrong():
        try:
            for problem in check() or ():
                graph.problems.append(problem)
        except Problem as raised:
            graph.problems.append(raised)


def prepare(
    root: type | DynamicModule,
    settings: Settings,
    overrides: Iterable[Provider] = (),
    plugins: Iterable[object] = (),
) -> Plan:
    """Survey and compile.

    Raises:
        BootError: the application has problems; all of them.
    """
    plan = survey(root, settings, overrides, plugins)
    if plan.graph.problems:
        raise _refusal(plan.graph)
    try:
        for edge in plan.edges:
            edge.compile(plan.compiler)
    except Problem as problem:
        plan.graph.problems.append(problem)
        raise _refusal(plan.graph) from None
    return plan


def _refusal(graph: Graph) -> BootError:
    error = BootError(graph.root.label, graph.problems)
    error.graph = graph
    return error

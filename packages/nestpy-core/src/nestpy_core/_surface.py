"""Makes handlers of methods that no decorator marks: those of endpoints and operations."""

from __future__ import annotations

from typing import Any

from ._generics import variables_of
from ._graph import Graph, LayerUse
from ._handler import Handler, Parameter
from ._hints import Names, callable_arguments, return_hint
from ._names import name_of
from .errors import HandlerError, Problem

__all__ = ("handler_of",)


def handler_of(graph: Graph, host: Any, method: str, *, owner: str, public: bool = False) -> Handler | Problem:
    """Return the handler of an `Endpoint` or an `Operation`, under the app's global layers.

    Args:
        graph: the linked graph.
        host: the token of the provider whose method it is.
        method: the method's name.
        owner: who contributed it, for the message.
        public: whether global guards that authenticate or authorize are left out, as `@public` does.

    Returns:
        The handler, or the problem that the host is absent or has no such method.
    """
    bindings = graph.bindings_of(host)
    cls = bindings[0].settled.source if len(bindings) == 1 else None
    function = getattr(cls if isinstance(cls, type) else type(cls), method, None)
    if cls is None or function is None:
        return HandlerError(f"`{name_of(host)}.{method}`, which {owner} mounts, is no method of a provider.")
    found = variables_of(cls).get(cls, {}) if isinstance(cls, type) else {}
    arguments, problems = callable_arguments(function, Names(), found)
    returns, more = return_hint(function, Names(), found)
    if problems or more:
        return [*problems, *more][0]
    layers: dict[str, tuple[LayerUse, ...]] = dict(graph.global_layers.items())
    if public:
        layers["guards"] = tuple(use for use in layers["guards"] if not use.posture)
    return Handler(
        host=bindings[0].settled,
        name=method,
        function=function,
        markers=(),
        parameters=tuple(Parameter(one.name, one.hint, one.default, None, one.kind) for one in arguments[1:]),
        returns=returns,
        meta={},
        public=public,
        layers=layers,
        blocking=False,
    )

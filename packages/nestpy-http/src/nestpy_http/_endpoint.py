"""Mounts core's neutral endpoints beside the routes, under the same guards and interceptors."""

from __future__ import annotations

import inspect
from typing import Any

from nestpy_core import Graph, Handler, LayerUse, Parameter
from nestpy_core.contracts import Endpoint, EndpointAnswer, EndpointRequest

from ._arguments import Argument
from .errors import RouteError


def endpoint_handler(endpoint: Endpoint, graph: Graph) -> tuple[Handler, Argument] | RouteError:
    """Return the handler of an endpoint, with the global layers, and its one argument."""
    bindings = graph.bindings_of(endpoint.host)
    function = getattr(bindings[0].source, endpoint.method, None) if len(bindings) == 1 else None
    if function is None:
        return RouteError(f"The endpoint `{endpoint.path}` of {endpoint.owner} has no host in the app.")
    parameter = Parameter("request", EndpointRequest, inspect.Parameter.empty, kind=inspect.Parameter.POSITIONAL_ONLY)
    layers: dict[str, tuple[LayerUse, ...]] = dict(graph.global_layers.items())
    if endpoint.public:
        layers["guards"] = tuple(use for use in layers["guards"] if getattr(use.layer, "posture", False) is not True)
    handler = Handler(
        host=bindings[0],
        name=endpoint.method,
        function=function,
        markers=(),
        parameters=(parameter,),
        returns=EndpointAnswer,
        meta={},
        public=endpoint.public,
        layers=layers,
        blocking=False,
    )
    return handler, Argument(parameter, None, "request", EndpointRequest)


def neutral_request(scope: Any) -> EndpointRequest:
    """Return what an endpoint is given of an RSGI scope."""
    headers = {name: ", ".join(scope.headers.get_all(name)) for name in scope.headers.keys()}  # noqa: SIM118  # not a dict
    return EndpointRequest(method=scope.method, path=scope.path, query=scope.query_string, headers=headers)

"""Mounts core's neutral endpoints beside the routes, under the same guards and interceptors."""

from __future__ import annotations

from typing import Any

from nestpy_core import Graph, Handler, handler_of
from nestpy_core.contracts import Endpoint, EndpointRequest
from nestpy_core.errors import Problem

from ._arguments import Argument
from ._client_address import client_ip
from .errors import RouteError


def endpoint_handler(endpoint: Endpoint, graph: Graph) -> tuple[Handler, tuple[Argument, ...]] | Problem:
    """Return the handler of an endpoint and its argument, the request, if it takes that."""
    found = handler_of(graph, endpoint.host, endpoint.method, owner=endpoint.owner, public=endpoint.public)
    if not isinstance(found, Handler):
        return found
    for parameter in found.parameters:
        if parameter.hint is not EndpointRequest:
            return RouteError(
                f"`{parameter.name}` of `{found.label}`, which {endpoint.owner} mounts, is no `EndpointRequest`.",
                hints=(f"write `{parameter.name}: EndpointRequest`",),
            )
    return found, tuple(Argument(each, None, each.name, EndpointRequest) for each in found.parameters)


def neutral_request(scope: Any) -> EndpointRequest:
    """Return what an endpoint is given of an RSGI scope."""
    headers = {name: ", ".join(scope.headers.get_all(name)) for name in scope.headers.keys()}  # noqa: SIM118  # not a dict
    return EndpointRequest(
        method=scope.method, path=scope.path, query=scope.query_string, headers=headers, client=client_ip(scope)
    )

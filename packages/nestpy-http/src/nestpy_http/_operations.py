"""Mounts the operations that capabilities derive from entities, by the conventions of REST."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from nestpy_core import Graph, Handler, Page, Parameter, Source, handler_of
from nestpy_core.contracts import Operation
from nestpy_core.errors import Problem

from ._answer import Response
from ._answering import write_answer
from ._controllers import RouteMarker
from ._parameters import Place
from ._route import HandlerRouteCode
from ._schema import is_data

NEXT_CURSOR = "x-next-cursor"

_VERBS: dict[str, tuple[str, Literal["", "one"]]] = {
    "list": ("GET", ""),
    "get": ("GET", "one"),
    "create": ("POST", ""),
    "update": ("PATCH", "one"),
    "delete": ("DELETE", "one"),
}


class OperationMarker(RouteMarker, frozen=True, kw_only=True):
    """What stands for a verb's decorator on the route of an operation."""

    operation: Operation


def operation_marker(operation: Operation) -> OperationMarker:
    """Return verb and path: ``GET /users`` for the list, ``/users/{id}`` for one; others by their name."""
    method, about = _VERBS.get(operation.name, ("GET" if operation.kind == "query" else "POST", ""))
    path = operation.path
    if about:
        path = f"{path}/{{{operation.key}}}"
    elif operation.name not in _VERBS:
        path = f"{path}/{operation.name}"
    return OperationMarker(method=method, path=path, operation=operation)


def operation_handler(graph: Graph, operation: Operation, marker: OperationMarker) -> Handler | Problem:
    """Return the handler as its route sees it: plain values in the query, a page as the list of its items."""
    found: Handler | Problem | None = next((one for one in graph.handlers if _is_handler(one, operation)), None)
    if found is None:
        found = handler_of(graph, operation.host, operation.method, owner=f"`{operation.entity.__name__}`")
    if not isinstance(found, Handler):
        return found
    placed = tuple(_placed(parameter, marker) for parameter in found.parameters)
    returns = list[get_args(found.returns)[0]] if get_origin(found.returns) is Page else found.returns  # type: ignore[misc]  # known at run time
    return msgspec.structs.replace(found, parameters=placed, returns=returns)


def _is_handler(handler: Handler, operation: Operation) -> bool:
    return handler.host.token is operation.host and handler.name == operation.method


def _placed(parameter: Parameter, marker: OperationMarker) -> Parameter:
    in_path = f"{{{parameter.name}}}" in marker.path
    metadata = get_args(parameter.hint)[1:]
    if parameter.inject is not None or in_path or is_data(parameter.hint):
        return parameter
    if any(isinstance(item, Place) for item in metadata):
        return parameter
    hint: Any = Annotated[parameter.hint, Place.QUERY]
    return msgspec.structs.replace(parameter, hint=hint)


class OperationCode(HandlerRouteCode):
    """What HTTP writes of one operation: the result becomes the answer that REST has for it."""

    operation: Operation

    def shape(self, out: Source, call: str, handler: str) -> None:
        """Write the shaping of what the answer carries."""
        self._convert(out)
        super().shape(out, call, handler)

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the answer: a page with its cursor in a header, a new entity with its place."""
        del plain
        self._convert(out)
        status, extra = self._answering.status, self._answering.extra
        write_answer(out, self._answers, status, extra, context=context, observed=observed)

    def _convert(self, out: Source) -> None:
        name = self.operation.name
        if name == "list":
            out.line(f"result = {out.constant(listed, 'listed')}(result)")
        if name == "create":
            key = out.constant(self.operation.key, "key")
            out.line(f"result = {out.constant(created, 'created')}(result, scope.path, {key})")


def listed(result: Any) -> Any:
    """Return a page's items, with the cursor of what follows in the header ``x-next-cursor``."""
    if not isinstance(result, Page):
        return result
    return Response(result.items, headers={} if result.next is None else {NEXT_CURSOR: result.next})


def created(result: Any, path: str, key: str) -> Any:
    """Return a new entity with its place in the header ``location``."""
    identity = getattr(result, key, None)
    if isinstance(result, Response) or identity is None:
        return result
    return Response(result, 201, {"location": f"{path.rstrip('/')}/{identity}"})

"""The routes of an app as its callers meet them, for whatever describes them: documents, clients, tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from nestpy_core import Graph, Handler, Parameter, Record, read_metadata
from nestpy_core.contracts import EndpointAnswer, Operation

from ._answer import BYTES, JSON, JSON_LINES, TEXT, Response
from ._answering import names_file, status_of
from ._arguments import Argument, reads_whole
from ._config import HttpConfig
from ._controllers import ControllerMarker, SseMarker
from ._cookies import HOST_PREFIX
from ._edge import HttpEdge
from ._events import EVENT_STREAM
from ._form import URLENCODED
from ._intake import Intake
from ._mounting import MountedRoute
from ._parameters import Place
from ._schema import is_collection
from ._shaping import is_chunk, is_stream, item_of

if TYPE_CHECKING:
    from ._whole import WholeReader

__all__ = ("RouteInput", "ServedRoute", "served_routes", "served_versions")

MULTIPART = "multipart/form-data"

Where = Literal["path", "query", "header", "cookie", "body", "form", "file"]
Stream = Literal["no", "chunks", "lines", "events"]

WHERE: dict[Place, Where] = {
    Place.PATH: "path",
    Place.QUERY: "query",
    Place.HEADER: "header",
    Place.COOKIE: "cookie",
    Place.SIGNED_COOKIE: "cookie",
    Place.BODY: "body",
    Place.FORM: "form",
    Place.FILE: "file",
}
ADDED = {"create": "location", "list": "x-next-cursor"}
_MEDIA_TYPES: dict[Any, str] = {str: TEXT, bytes: BYTES}


class RouteInput(Record, frozen=True):
    """One thing that a request of a route carries.

    Attributes:
        where: where it stands.
        name: how the request names it; the parameter's name for a body and for a whole form. Each field of a whole
            query is an input of its own.
        kind: its type with its constraints, without where it stands.
        required: whether a request must give it.
        default: what an absent one becomes; `inspect.Parameter.empty` when it may not be absent, `msgspec.UNSET` where
            that is known to the type alone.
        pipes: the pipes of its own: what the text runs through before, or instead of, its conversion; classes from
            the container, and instances.
        whole: whether it is made of a whole form, or is a field of a whole query.
        several: whether the name may be given more than once.
        allow_unknown: whether a body, a form or a whole query may have fields that its type does not have.
        parameter: the parameter that takes it, alone or with others.
    """

    where: Where
    name: str
    kind: Any  # any annotation
    required: bool
    default: Any  # any value
    pipes: tuple[Any, ...]  # classes and instances
    whole: bool
    several: bool
    allow_unknown: bool
    parameter: Parameter


class ServedRoute(Record, frozen=True):
    """One route as its callers meet it.

    Attributes:
        method: upper case. HEAD follows from GET and is listed only where a handler of its own answers it.
        path: the whole path, prefix and version included, with ``{name}`` and, at its end, ``{name...}``.
        shape: the path without the names of its parameters: routes of one shape answer the same paths.
        names: the names in the path, in order.
        version: the version of the app that it belongs to, wherever requests name it; None for all.
        host: the host that requests must be for; None for any.
        handler: what answers.
        endpoint: whether a plugin brings it, as an `Endpoint` or a controller, and no module of the app.
        operation: the entity's operation that it is; None for a controller's own route.
        inputs: what a request carries, in the order of the handler's parameters.
        consumes: the media types of its body; none where it takes none.
        status: of success.
        result: what the body of that answer is encoded from, or of each line where it comes in lines; None for no
            body, `Any` where it may be anything.
        produces: the media types of that answer, ``*/*`` where the handler decides.
        headers: what that answer carries by `@header` or `@redirect`, or as an operation; empty values are known later.
        stream: how that answer comes.
        statuses: other statuses that its own decorators and results lead to, such as the 304 of `@etag`.
    """

    method: str
    path: str
    shape: str
    names: tuple[str, ...]
    version: str | None
    host: str | None
    handler: Handler
    endpoint: bool
    operation: Operation | None
    inputs: tuple[RouteInput, ...]
    consumes: tuple[str, ...]
    status: int
    result: Any  # any annotation
    produces: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    stream: Stream
    statuses: tuple[int, ...]


def served_routes(graph: Graph) -> tuple[ServedRoute, ...]:
    """Return the routes of an app in order of declaration; none where no HTTP edge serves it.

    The app must have been verified: `App` has done that, and so has what calls `nestpy_verify`.
    """
    edge = next((edge for edge in graph.edges if isinstance(edge, HttpEdge)), None)
    return () if edge is None else tuple(_served(route, edge.config) for route in edge.routes)


def served_versions(graph: Graph) -> tuple[str, ...]:
    """Return the versions that an app's controllers name, sorted; also of a graph that is only being collected."""
    found: set[str] = set()
    for binding in graph.bindings:
        if binding.kind != "class":
            continue
        for marker in read_metadata(binding.source, "hosts", ()):
            if isinstance(marker, ControllerMarker):
                found.update(marker.versions)
                for name in dir(binding.source):
                    found.update(read_metadata(getattr(binding.source, name, None), "http_versions", ()))
    return tuple(sorted(found))


def _served(route: MountedRoute, config: HttpConfig) -> ServedRoute:
    handler = route.handler
    function = handler.function
    inputs = tuple(_inputs(route, config))
    answer = _answer(route)
    declared: Response | None = read_metadata(function, "http_response")
    headers = [
        *reversed(read_metadata(function, "http_headers", ())),
        *(declared.headers if declared is not None else ()),
    ]
    operation: Operation | None = getattr(route.marker, "operation", None)
    if operation is not None and operation.name in ADDED:
        headers.append((ADDED[operation.name], ""))
    return ServedRoute(
        method=route.method,
        path=route.template.text,
        shape=route.template.shape,
        names=tuple(name for name, _ in route.template.parameters),
        version=route.release,
        host=route.host,
        handler=handler,
        endpoint=route.marker is None or handler.host.module.cls is None,
        operation=operation,
        inputs=inputs,
        consumes=_consumes(inputs, handler, config),
        status=status_of(handler, route.method) if declared is None else declared.status,
        result=answer[0],
        produces=answer[1],
        headers=tuple(headers),
        stream=answer[2],
        statuses=tuple(_statuses(handler)),
    )


# -- what a request carries


def _inputs(route: MountedRoute, config: HttpConfig) -> Iterator[RouteInput]:
    for argument in route.arguments:
        if argument.place is None:
            continue
        allow = argument.options.allow_unknown
        if argument.place is Place.QUERY and reads_whole(argument.make):
            yield from _fields(argument, argument.make, allow_unknown=config.allow_unknown if allow is None else allow)
            continue
        signed = argument.place is Place.SIGNED_COOKIE  # what it holds is the app's own affair
        yield RouteInput(
            where=WHERE[argument.place],
            name=f"{HOST_PREFIX}{argument.name}" if signed else argument.name,
            kind=bytes if argument.streams else str if signed else argument.kind,
            required=argument.required or argument.place is Place.PATH,
            default=argument.default,
            pipes=tuple(use.instance or use.layer for use in argument.parameter.pipes),
            whole=argument.whole,
            several=is_collection(argument.kind),
            allow_unknown=config.allow_unknown if allow is None else allow,
            parameter=argument.parameter,
        )


def _fields(argument: Argument, whole: WholeReader, *, allow_unknown: bool) -> Iterator[RouteInput]:
    """Yield what a whole query is made of, each as a parameter of its own."""
    for field in whole.fields:
        yield RouteInput(
            where="query",
            name=field.name,
            kind=field.kind,
            required=argument.required and field.required,
            default=field.default if argument.required or not field.required else msgspec.UNSET,
            pipes=(),
            whole=True,
            several=is_collection(field.kind),
            allow_unknown=allow_unknown,
            parameter=argument.parameter,
        )


def _consumes(inputs: tuple[RouteInput, ...], handler: Handler, config: HttpConfig) -> tuple[str, ...]:
    places = {each.where for each in inputs}
    if "file" in places:
        return (MULTIPART,)
    if "form" in places:
        return (URLENCODED,)
    if "body" not in places:
        return ()
    raw = any(each.where == "body" and each.kind is bytes for each in inputs)
    return (BYTES,) if raw else Intake.of(config).of_route(handler.function).consumes


# -- what an answer carries


def _answer(route: MountedRoute) -> tuple[Any, tuple[str, ...], Stream]:
    handler = route.handler
    offers: tuple[str, ...] = read_metadata(handler.function, "http_produces", ())
    if isinstance(route.marker, SseMarker):
        return item_of(handler), (EVENT_STREAM,), "events"
    if is_stream(handler):
        item = item_of(handler)
        if is_chunk(item):
            return bytes, offers or (BYTES,), "chunks"
        return item, offers or (JSON_LINES,), "lines"
    returns = handler.returns
    if returns in (None, NoneType):
        return None, (), "no"
    if names_file(returns):
        return bytes, ("*/*",), "no"
    result = _without_responses(returns)
    if result is Any:
        return Any, ("*/*",), "no"
    return result, offers or (_MEDIA_TYPES.get(result, JSON),), "no"


def _without_responses(returns: Any) -> Any:
    """Return what an annotation says beside responses that a handler builds; `Any` where that is nothing."""
    if returns in (inspect.Parameter.empty, Any, object):
        return Any
    if get_origin(returns) in (Union, UnionType):
        kept = [each for each in get_args(returns) if _without_responses(each) is not Any]
        return Union[tuple(kept)] if kept else Any  # noqa: UP007  # built at run time
    if isinstance(returns, type) and issubclass(returns, Response | EndpointAnswer):
        return Any
    return returns


def _statuses(handler: Handler) -> Iterable[int]:
    if names_file(handler.returns):
        return (206, 304, 404, 412, 416)
    if len(read_metadata(handler.function, "http_produces", ())) > 1:
        return (406,)
    return (304, 412) if read_metadata(handler.function, "http_etag", False) else ()

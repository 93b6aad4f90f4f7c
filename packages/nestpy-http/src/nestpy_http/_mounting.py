"""Mounts what a graph declares: controllers in their versions, plugins' endpoints and operations, each on its path."""

from __future__ import annotations

import inspect

from nestpy_core import Graph, Handler, Record
from nestpy_core.contracts import Endpoint, Operation
from nestpy_core.errors import Problem

from ._answering import may_be_response
from ._arguments import Argument, ArgumentReader
from ._config import HttpConfig
from ._controllers import ControllerMarker, RouteMarker, SseMarker, WebSocketMarker
from ._endpoint import endpoint_handler
from ._router import Template, TemplateError, join
from ._schema import Schemas
from ._shaping import is_stream, result_problems
from ._versions import versions_of
from ._websocket import WebSocket
from .errors import RouteError


class MountedRoute(Record, frozen=True):
    """One route as it will be served.

    Attributes:
        method: upper case.
        template: the whole path, prefix and version included.
        handler: what answers.
        marker: the verb's decorator; None for a plugin's endpoint.
        arguments: where each argument comes from.
        version: the version of the app that it belongs to, where requests name it in a header; None for all.
        host: the host that requests must be for; None for any.
        release: the version that it belongs to, wherever requests name it.
    """

    method: str
    template: Template
    handler: Handler
    marker: RouteMarker | WebSocketMarker | None
    arguments: tuple[Argument, ...]
    version: str | None = None
    host: str | None = None
    release: str | None = None

    @property
    def label(self) -> str:
        """What ``nestpy routes`` calls it."""
        version = f" version {self.version}" if self.version else ""
        return f"{self.method} {self.template.text}{version}{f' on {self.host}' if self.host else ''}"


class Mounting:
    """Reads the routes of one app.

    Attributes:
        routes: what answers requests.
        sockets: what talks over WebSockets.
        problems: what is wrong with any of them.
    """

    def __init__(self, graph: Graph, config: HttpConfig, schemas: Schemas) -> None:
        self._graph = graph
        self._config = config
        self._schemas = schemas
        self.routes: list[MountedRoute] = []
        self.sockets: list[MountedRoute] = []
        self.problems: list[Problem] = []
        self._read()

    def _read(self) -> None:
        reader = ArgumentReader(self._schemas, self._graph)
        for handler, host, marker in self._graph.handlers_of("http"):
            if isinstance(host, ControllerMarker) and isinstance(marker, RouteMarker | WebSocketMarker):
                self._mount_versions(reader, handler, host, marker)
        for endpoint in self._graph.endpoints:
            self._mount_endpoint(endpoint)
        for operation in self._graph.operations:
            if operation.path:
                self._mount_operation(reader, operation)

    def _mount_operation(self, reader: ArgumentReader, operation: Operation) -> None:
        from ._operations import operation_handler, operation_marker

        marker = operation_marker(operation)
        found = operation_handler(self._graph, operation, marker)
        if isinstance(found, Problem):
            self.problems.append(found)
            return
        prefix = "" if self._is_excluded(marker.path) else self._config.prefix
        self._mount(reader, found, marker, join(prefix, marker.path), None, None)

    def _mount_versions(
        self, reader: ArgumentReader, handler: Handler, host: ControllerMarker, marker: RouteMarker | WebSocketMarker
    ) -> None:
        versions, undeclared = versions_of(host.versions, handler)
        if undeclared:
            self.problems.append(
                RouteError(
                    f"`{handler.label}` is of version `{undeclared[0]}`, which its controller does not declare.",
                    hints=(f'add `"{undeclared[0]}"` to `version=` of `@controller`',),
                )
            )
        own = join(host.path, marker.path)
        prefix = "" if self._is_excluded(own) else self._config.prefix
        for version in versions or (None,):
            named = version is not None and self._config.versioning == "uri"
            self._mount(reader, handler, marker, join(prefix, f"v{version}" if named else "", own), version, host.on)

    def _is_excluded(self, path: str) -> bool:
        return any(
            path == join(excluded) or (excluded.endswith("/*") and path.startswith(f"{join(excluded[:-2])}/"))
            for excluded in self._config.prefix_exclude
        )

    def _mount(  # noqa: PLR0917  # what a route is
        self,
        reader: ArgumentReader,
        handler: Handler,
        marker: RouteMarker | WebSocketMarker,
        path: str,
        version: str | None,
        host: str | None,
    ) -> None:
        method = marker.method
        template = self._template(path, handler)
        if template is None:
            return
        arguments, problems = reader.read(handler, method, path, [name for name, _ in template.parameters])
        self.problems.extend(problems)
        if isinstance(marker, WebSocketMarker) and not any(argument.kind is WebSocket for argument in arguments):
            self.problems.append(
                RouteError(f"`{handler.label}` takes no `WebSocket`.", hints=("write `socket: WebSocket`, for one",))
            )
        problem = self._result_problem(handler)
        if problem is not None:
            self.problems.append(problem)
        events = isinstance(marker, SseMarker)
        self.problems.extend(result_problems(handler, method, self._config, self._schemas, events=events))
        asked = None if self._config.versioning == "uri" else version
        route = MountedRoute(method, template, handler, marker, tuple(arguments), asked, host, version)
        (self.sockets if isinstance(marker, WebSocketMarker) else self.routes).append(route)

    def _template(self, path: str, handler: Handler) -> Template | None:
        try:
            return Template.parse(path)
        except TemplateError as error:
            self.problems.append(RouteError(f"The path `{path}` of `{handler.label}` {error}.", hints=error.hints))
            return None

    def _result_problem(self, handler: Handler) -> RouteError | None:
        if handler.returns in (inspect.Parameter.empty, None, str, bytes) or may_be_response(handler.returns):
            return None
        if is_stream(handler):
            return None
        return self._schemas.check(handler.returns, f"The result of `{handler.label}`")

    def _mount_endpoint(self, endpoint: Endpoint) -> None:
        found = endpoint_handler(endpoint, self._graph)
        if isinstance(found, Problem):
            self.problems.append(found)
            return
        handler, arguments = found
        path = join("" if self._is_excluded(endpoint.path) else self._config.prefix, endpoint.path)
        template = self._template(path, handler)
        if template is not None:
            self.routes += [MountedRoute(method, template, handler, None, arguments) for method in endpoint.methods]

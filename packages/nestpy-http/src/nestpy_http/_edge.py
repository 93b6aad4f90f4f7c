"""The HTTP edge: reads the controllers of a graph, verifies and compiles their routes, answers requests."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nestpy_core import Compiler, EdgeEntry, Graph, Transport, needs_of, reachable
from nestpy_core.contracts import Operation
from nestpy_core.errors import ConfigurationError, Problem

from ._answer import Answers, Ready, Response
from ._client_address import TrustedProxies, networks
from ._config import HttpConfig
from ._context import Request
from ._controllers import RouteMarker, SseMarker
from ._gate import Gate
from ._head import head_of
from ._intake import Intake
from ._kernel import Kernel
from ._module import HttpModule
from ._mounting import MountedRoute, Mounting
from ._parameters import Place
from ._preset import Preset, StandardPreset
from ._request_shape import MAX_TARGET, METHODS, TARGET_TOO_LONG, RequestShape
from ._route import HandlerRouteCode, UnmatchedCode
from ._router import UNSAFE, Route, Router
from ._schema import Schemas
from ._security_headers import security_headers
from ._shape import Bounds
from ._shaping import is_shaped, shaped
from ._signed_cookies import SignedCookies, secret_problem
from ._timing import timed
from ._versions import VersionReader, choice
from .errors import (
    BadRequestError,
    HttpError,
    MethodNotAllowedError,
    NotFoundError,
    RouteError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from ._cors import Cors
    from ._events import EventSender
    from ._sockets import Sockets


logger = logging.getLogger("nestpy.http")


class HttpEdge:
    """Everything HTTP of one app.

    Attributes:
        rsgi: answers one request in the RSGI shape, once the app has started; `compile` makes it.
        closers: what the kernel lets stand around each protocol; empty until the app drains.
        sockets: the routes of its WebSockets; with any, the app's own server speaks ASGI.
        open_sockets: those that are open; None for an app that has no routes for them.
    """

    name = "http"
    mounts_endpoints = True
    rsgi: Route

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.config: HttpConfig = graph.sections.get(HttpConfig) or HttpConfig()
        config = self.config
        bounds = Bounds(config.max_string_length, config.max_list_length, refuse_unknown=not config.allow_unknown)
        self.schemas = Schemas(graph, bounds, strict_json=config.strict_json)
        self.cors = self._cors() if self.config.cors_origins else None
        self.answers = Answers(
            self._base_headers(),
            self.schemas.encode,
            self.config.redirect_hosts,
            _preset(self.config.errors),
            lean=self.config.lean_headers,
        )
        self.closers: list[Callable[[Any, Any], Any]] = []
        mounting = Mounting(graph, config, self.schemas)
        self.routes = mounting.routes
        self.sockets = mounting.sockets
        self._problems = mounting.problems
        self.open_sockets: Sockets | None = None
        self.router = Router()

    def _cors(self) -> Cors:
        from ._cors import Cors

        return Cors(self.config)

    def _base_headers(self) -> list[tuple[str, str]]:
        headers = security_headers(self.config)
        return [*headers, ("vary", "origin")] if self.cors is not None else headers

    # -- verify

    def verify(self) -> Iterable[Problem]:
        """Return what is wrong with routes, parameters and results."""
        yield from self._problems
        yield from self._cors_problems()
        for name, value in self.answers.base:
            if not value.isprintable() or not value.isascii():
                yield ConfigurationError("http", f"holds a value of `{name}` that HTTP does not allow.")
        try:
            networks(self.config.trusted_proxies)
        except ValueError:
            yield ConfigurationError("http.trusted_proxies", "must be a list of addresses and CIDR blocks.")
        if not self.graph.has(HttpModule):
            yield RouteError(
                f"`{self.graph.root.label}` has {self._unserved()}.",
                hints=(f"add `HttpModule.for_root()` to `imports=` of `{self.graph.root.label}`",),
            )
        yield from self._collisions()
        yield from self._secret_problems()
        yield from self._tls_problems()

    def _unserved(self) -> str:
        """Return what the app has that HTTP is wanted for, as it would be told that no module serves it."""
        own = [handler for handler in self.graph.handlers if handler.host.module.cls is not None]
        markers = [marker for handler in own for marker in handler.markers if marker.exposed]
        if any(marker.edge == self.name for marker in markers):
            return "controllers, and no module serves them"
        words = sorted({f"`{marker.host_word}`" for marker in markers})
        found = f"{' and '.join(words)} classes" if words else "routes that plugins bring"
        return f"{found}, and no module serves HTTP"

    def _cors_problems(self) -> Iterator[Problem]:
        if self.config.cors_origins:
            from ._cors import cors_problems

            for rule, hint in cors_problems(self.config):
                yield ConfigurationError("http.cors_origins", rule, hints=(hint,))

    def _tls_problems(self) -> Iterator[Problem]:
        if self.config.tls_cert or self.config.tls_key:
            from ._tls import half_pair

            half = half_pair(self.config)
            if half is not None:
                yield half

    def _secret_problems(self) -> Iterator[Problem]:
        secrets = self.config.cookie_secrets.reveal()
        problem = secret_problem(secrets)
        if problem is not None:
            yield problem
        late = any(one.token is HttpConfig and one.constants.get("late") for one in self.graph.bindings)
        if not secrets and not late and self._signs():
            yield ConfigurationError(
                "http.cookie_secrets",
                "is required: cookies are signed",
                hints=("set `NESTPY_HTTP__COOKIE_SECRETS` to a list of secrets",),
            )

    def _signs(self) -> bool:
        if any(argument.place is Place.SIGNED_COOKIE for route in self.routes for argument in route.arguments):
            return True
        asked = [binding for bindings in self.graph.injected.values() for binding in bindings]
        used = [binding for one in self.graph.bindings for _, binding in one.dependencies()]
        return any(binding.token is SignedCookies for binding in (*asked, *used))

    def _collisions(self) -> Iterator[RouteError]:
        owners: dict[tuple[str, str, str | None, str | None], MountedRoute] = {}
        for route in (*self.routes, *self.sockets):
            earlier = owners.setdefault((route.method, route.template.shape, route.version, route.host), route)
            if earlier is not route:
                yield RouteError(
                    f"`{earlier.handler.label}` and `{route.handler.label}` both answer "
                    f"{route.method} `{route.template.text}`.",
                    hints=("give one of them another path or method",),
                )

    def entries(self) -> Iterable[EdgeEntry]:
        """List every route for ``nestpy routes``."""
        return [EdgeEntry(route.label, route.handler) for route in (*self.routes, *self.sockets)]

    # -- compile

    def compile(self, compiler: Compiler) -> None:
        """Compile every route and what answers where none matched."""
        intake = Intake.of(self.config)
        gate = Gate(self.graph, self.config, self.answers)
        functions: dict[tuple[str, str], list[tuple[MountedRoute, Route]]] = {}
        for route in self.routes:
            route_code = self._code_class(route)(
                self.answers,
                self.schemas,
                intake,
                handler=route.handler,
                method=route.method,
                template=route.template.text,
                positions=dict(route.template.parameters),
                arguments=route.arguments,
                carries=any(binding.token is Request for binding in reachable(needs_of(route.handler, self.graph))),
                gate=gate,
                sheds=route.marker is not None,
                shaped=is_shaped(route.handler, self.config),
                events=self._events if isinstance(route.marker, SseMarker) else None,
            )
            marker = route.marker or RouteMarker(method=route.method, path=route.template.text)
            compiled = compiler.handler(route.handler, marker, route_code).function
            function = shaped(compiled, route.handler, self.config, self.answers)
            if function is not compiled and route_code.calls is not None:
                from ._observed import observed

                function = observed(function, route_code.calls)
            functions.setdefault((route.method, route.template.shape), []).append((route, function))
        intercepted = bool(self.graph.global_layers.get("interceptors"))
        code = UnmatchedCode(self.answers, self.schemas, intake, self.not_matched, intercepted=intercepted)
        unmatched = compiler.unmatched(code).function
        versions = VersionReader(self.config)
        for (method, shape), several in functions.items():
            choices = [(route.host, route.version, function) for route, function in several]
            chosen = choice(choices, versions, unmatched)
            self.router.add(method, several[0][0].template, chosen)
            if method == "GET" and ("HEAD", shape) not in functions:
                self.router.add("HEAD", several[0][0].template, head_of(chosen))
        proxies = TrustedProxies(self.config.trusted_proxies) if self.config.trusted_proxies else None
        kernel = Kernel(
            self.router, unmatched, closers=self.closers, shape=self.request_shape(), cors=self.cors, proxies=proxies
        ).compile()
        compiler.functions.append(kernel)
        self.rsgi = timed(kernel.function) if self.config.server_timing else kernel.function
        if self.sockets:
            self._compile_sockets(compiler, intake, gate)

    def _compile_sockets(self, compiler: Compiler, intake: Intake, gate: Gate) -> None:
        from ._socket_route import compile_sockets
        from ._sockets import Sockets, refusing_sockets

        self.open_sockets = Sockets(self.config, self.answers)
        self._handshakes = compile_sockets(self, compiler, intake, gate, self.open_sockets)
        self.rsgi = refusing_sockets(self.rsgi)

    def _code_class(self, route: MountedRoute) -> type[HandlerRouteCode]:
        operation: Operation | None = getattr(route.marker, "operation", None)
        if operation is None:
            return HandlerRouteCode
        from ._operations import OperationCode

        return type("OperationCode", (OperationCode,), {"operation": operation})

    @functools.cached_property
    def _events(self) -> EventSender:
        from ._events import EventSender

        return EventSender(self.schemas.encode, self.config.sse_keep_alive, self.config.sse_lifetime)

    def request_shape(self) -> RequestShape | None:
        """Return what checks the headers of every request, if anything does."""
        config = self.config
        wanted = config.strict_headers or config.hosts
        return RequestShape(config.hosts, strict=config.strict_headers) if wanted else None

    # -- serve

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request or WebSocket in the ASGI shape."""
        from ._asgi import asgi

        if self.open_sockets is not None and scope["type"] == "websocket":
            await self.open_sockets.serve(self._handshakes, scope, receive, send)
            return
        await asgi(self.rsgi, scope, receive, send, self._stopped)

    def _stopped(self, protocol: Any) -> None:
        """Answer a request that its server cancels."""
        self.answers.refuse(protocol, ServiceUnavailableError("The server is stopping"))

    def transport(self) -> Transport:
        """Return the listener: granian, embedded in the app's own loop."""
        from ._server import HttpServer

        return HttpServer(self)

    def under_rsgi(self) -> None:
        """Say, where a foreign server serves RSGI, what cannot work there."""
        if self.sockets:
            logger.warning(
                "WebSockets are answered with 501: RSGI has no subprotocols and no close codes. "
                "Hint: serve the app with `app.run()`, or with `--interface asgi`"
            )

    async def finish(self) -> None:
        """Close what is still open of the WebSockets: under a foreign server nobody else does."""
        if self.open_sockets is not None:
            await self.open_sockets.end_all()
            self.open_sockets.reset()

    # -- what no route matched

    def not_matched(self, scope: Any, refused: HttpError | Response | None) -> Ready:
        """Return the answer to what no route matched, or to what was *refused* before one was looked for."""
        if refused is not None:
            return self.answers.ready(self.answers.problem(refused) if isinstance(refused, HttpError) else refused)
        path = scope.path
        if len(path) > MAX_TARGET:
            return self.answers.ready(self.answers.problem(TARGET_TOO_LONG))
        if UNSAFE.search(path):
            return self._unacceptable
        error = self.answers.preset.unmatched(scope)
        if error is not None:
            return self.answers.ready(self.answers.problem(error))
        if scope.method not in METHODS and scope.method not in self.router.static:
            return self._not_implemented
        methods = tuple(self.router.methods(path))
        if not methods:
            return self._not_found
        return self._options(methods) if scope.method == "OPTIONS" else self._not_allowed(methods)

    @functools.cached_property
    def _unacceptable(self) -> Ready:
        return self.answers.ready(self.answers.problem(BadRequestError("The path is not acceptable")))

    @functools.cached_property
    def _not_implemented(self) -> Ready:
        return self.answers.ready(self.answers.problem(HttpError("This method is not implemented", status=501)))

    @functools.cached_property
    def _not_found(self) -> Ready:
        return self.answers.ready(self.answers.problem(NotFoundError()))

    # As many as the app has paths with other methods than their neighbours: bounded by its routes.
    @functools.cached_property
    def _not_allowed(self) -> Callable[[tuple[str, ...]], Ready]:
        def answer(methods: tuple[str, ...]) -> Ready:
            error = MethodNotAllowedError(headers={"allow": ", ".join(allowed(methods))})
            return self.answers.ready(self.answers.problem(error))

        return functools.cache(answer)

    @functools.cached_property
    def _options(self) -> Callable[[tuple[str, ...]], Ready]:
        def answer(methods: tuple[str, ...]) -> Ready:
            listed = ", ".join([*allowed(methods), "OPTIONS"])
            return self.answers.ready(Response(status=204, headers=[("allow", listed)]))

        return functools.cache(answer)


def _preset(name: str) -> Preset:
    if name == "nest":
        from ._nest_preset import NestPreset

        return NestPreset()
    return StandardPreset()


def allowed(methods: Iterable[str]) -> list[str]:
    """Return the methods of a path as ``Allow`` lists them: in order of declaration, HEAD after GET."""
    listed = [method for method in methods if method != "HEAD"]
    if "GET" in listed:
        listed.insert(listed.index("GET") + 1, "HEAD")
    elif "HEAD" in methods:
        listed.append("HEAD")
    return listed

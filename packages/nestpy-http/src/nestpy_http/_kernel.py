"""Writes the function that every request enters: what the app's settings ask of each request, then the route."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nestpy_core import CompiledFunction, Source

from ._client_address import TrustedProxies
from ._request_shape import MAX_TARGET, TARGET_TOO_LONG, RequestShape
from ._router import Route, Router

if TYPE_CHECKING:
    from ._cors import Cors


class Kernel:
    """Writes the kernel of one app. A feature that is off leaves no line in it.

    Refusals go to what answers unmatched requests, so that global interceptors and instruments see them.

    Args:
        router: the compiled routes.
        unmatched: answers where there is none; its third argument is None, or what to answer with.
        shape: checks the headers of every request; None leaves them alone.
        cors: grants other origins; None grants none.
        closers: what stands around the protocol of every request: nothing, until the app drains.
        proxies: whose forwarding headers are believed; None believes nobody.
    """

    def __init__(
        self,
        router: Router,
        unmatched: Route,
        *,
        closers: list[Callable[[Any, Any], Any]],
        shape: RequestShape | None,
        cors: Cors | None,
        proxies: TrustedProxies | None,
    ) -> None:
        self._router = router
        self._unmatched = unmatched
        self._closers = closers
        self._shape = shape
        self._cors = cors
        self._proxies = proxies
        self._out = Source()

    def compile(self) -> CompiledFunction:
        """Return the kernel."""
        out = self._out
        with out.block("def kernel(scope, protocol):"):
            closers = out.constant(self._closers, "closers")
            with out.block(f"if {closers}:"):
                out.line(f"protocol = {closers}[0](scope, protocol)")
            out.line("method = scope.method")
            out.line("path = scope.path")
            if self._shape is not None or self._cors is not None:
                out.line("headers = scope.headers")
            self._check_shape()
            if self._proxies is not None:
                out.line(f"scope = {out.constant(self._proxies.scope, 'behind_proxies')}(scope)")
            self._grant_origin()
            self._find()
            if self._router.tails:
                self._find_tail()
            out.line(f"return {self._refuse('None')}")
        return CompiledFunction("kernel", "nestpy:http kernel", out)

    def _refuse(self, answer: str) -> str:
        return f"{self._out.constant(self._unmatched, 'unmatched')}(scope, protocol, {answer})"

    def _check_shape(self) -> None:
        if self._shape is None:
            return
        out = self._out
        out.line(f"refused = {out.constant(self._shape.check, 'check_shape')}(scope, headers)")
        with out.block("if refused is not None:"):
            out.line(f"return {self._refuse('refused')}")

    def _grant_origin(self) -> None:
        if self._cors is None:
            return
        out = self._out
        out.line("origin = headers.get('origin')")
        with out.block("if origin is not None:"):
            with out.block("if method == 'OPTIONS' and 'access-control-request-method' in headers:"):
                preflight = f"{out.constant(self._cors.preflight, 'preflight')}(headers, origin)"
                out.line(f"return {self._refuse(preflight)}")
            out.line(f"protocol = {out.constant(self._cors.granted, 'granted')}(protocol, origin)")

    def _find(self) -> None:
        out = self._out
        out.line(f"routes = {out.constant(self._router.static, 'static')}.get(method)")
        with out.block("if routes is not None:"):
            out.line("route = routes.get(path)")
            with out.block("if route is not None:"):
                out.line("return route(scope, protocol, None)")
            if self._router.shapes:
                self._find_shape()

    def _find_shape(self) -> None:
        out = self._out
        with out.block(f"if len(path) > {MAX_TARGET}:"):
            out.line(f"return {self._refuse(out.constant(TARGET_TOO_LONG, 'too_long'))}")
        out.line(f"by_length = {out.constant(self._router.finders(), 'finders')}.get(method)")
        with out.block("if by_length is not None:"):
            out.line("segments = path.split('/')")
            with out.block("for key, find in by_length.get(len(segments), ()):"):
                out.line("route = find(key(segments))")
                with out.block("if route is not None and segments[-1]:"):
                    out.line("return route(scope, protocol, segments)")

    def _find_tail(self) -> None:
        out = self._out
        with out.block(f"if len(path) <= {MAX_TARGET}:"):
            out.line(f"found = {out.constant(self._router.find_tail, 'find_tail')}(method, path)")
            with out.block("if found is not None:"):
                out.line("return found[0](scope, protocol, found[1])")

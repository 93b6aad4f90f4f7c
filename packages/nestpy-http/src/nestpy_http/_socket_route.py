"""Compiles WebSocket handlers: their handshakes are requests with guards and all, their conversations come after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from nestpy_core import Compiler, Handler, Source, needs_of, reachable

from ._answering import write_answer
from ._client_address import TrustedProxies
from ._context import Request
from ._gate import Gate
from ._intake import Intake
from ._kernel import Kernel
from ._route import HandlerRouteCode, UnmatchedCode
from ._router import Router
from ._sockets import CONVERSATION, Sockets
from .errors import NotFoundError

if TYPE_CHECKING:
    from ._edge import HttpEdge
    from ._mounting import MountedRoute
    from ._router import Route


class SocketRouteCode(HandlerRouteCode):
    """What HTTP writes of one WebSocket handler."""

    def __init__(self, *given: Any, sockets: Sockets, **options: Any) -> None:  # those of `HandlerRouteCode`
        super().__init__(*given, **options)
        self._sockets = sockets

    @contextlib.contextmanager
    def around(self, out: Source, *, observed: bool) -> Iterator[None]:
        """Write the check of origin and number, then what stands around every request until it is accepted."""
        refused = out.fresh("refused")
        out.line(f"{refused} = {out.constant(self._sockets.admit, 'admit')}(scope, protocol)")
        with out.block(f"if {refused} is not None:"):
            outcome = "outcome = " if observed else ""
            out.line(f"{outcome}{out.constant(self._answers.refuse, 'refuse')}(protocol, {refused})")
            out.line("return")
        with (
            out.block("try:"),
            self._gate.around(
                out,
                label=self.name,
                method="GET",
                seconds=None,
                sheds=True,
                streams=True,
                reads=False,
                observed=observed,
            ),
        ):
            yield
        with out.block("finally:"):
            out.line(f"{out.constant(self._sockets.leave, 'leave')}(protocol)")

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the conversation, which holds no place among the running requests, or what refuses it."""
        del plain
        with out.block(f"if result.__class__ is {out.constant(CONVERSATION, 'conversation')}:"):
            out.line(f"del {self._gate.entry(out)}")
            talk = f"await protocol.talk(protocol, result, {out.constant(self.name, 'label')})"
            out.line(f"{'outcome = ' if observed else ''}{talk}")
        with out.block("else:"):
            write_answer(out, self._answers, 200, [], context=context, observed=observed)


def compile_sockets(edge: HttpEdge, compiler: Compiler, intake: Intake, gate: Gate, sockets: Sockets) -> Route:
    """Return the kernel of an app's handshakes."""
    router = Router()
    for route in edge.sockets:
        router.add("GET", route.template, _compiled(edge, compiler, intake, gate, sockets, route))
    intercepted = bool(edge.graph.global_layers.get("interceptors"))
    missing = edge.answers.ready(edge.answers.problem(NotFoundError()))

    def not_matched(scope: Any, refused: Any) -> Any:
        return missing if refused is None else edge.not_matched(scope, refused)

    code = UnmatchedCode(edge.answers, edge.schemas, intake, not_matched, intercepted=intercepted)
    proxies = TrustedProxies(edge.config.trusted_proxies) if edge.config.trusted_proxies else None
    kernel = Kernel(
        router, compiler.unmatched(code).function, closers=[], shape=edge.request_shape(), cors=None, proxies=proxies
    ).compile()
    compiler.functions.append(kernel)
    return kernel.function


def _compiled(  # noqa: PLR0917  # what compiling takes
    edge: HttpEdge, compiler: Compiler, intake: Intake, gate: Gate, sockets: Sockets, route: MountedRoute
) -> Route:
    assert route.marker is not None  # noqa: S101  # no endpoint is one
    handler = _begun(route.handler)
    code = SocketRouteCode(
        edge.answers,
        edge.schemas,
        intake,
        handler=handler,
        method=route.method,
        template=route.template.text,
        positions=dict(route.template.parameters),
        arguments=route.arguments,
        carries=any(binding.token is Request for binding in reachable(needs_of(route.handler, edge.graph))),
        gate=gate,
        sheds=True,
        sockets=sockets,
    )
    return compiler.handler(handler, route.marker, code).function


def _begun(handler: Handler) -> Handler:
    """Return a handler whose call gives its coroutine, which runs when guards, pipes and transactions are done."""

    def conversation() -> None: ...

    conversation.__dict__.update(
        {name: value for name, value in vars(handler.function).items() if name != "__wrapped__"}
    )
    conversation.__name__, conversation.__qualname__ = handler.function.__name__, handler.function.__qualname__
    conversation.__module__ = handler.function.__module__
    return msgspec.structs.replace(handler, function=conversation)

"""Writes the listener's part of each endpoint: the same guards and interceptors as anywhere, plain answers."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import msgspec

from nestpy_core import (
    Call,
    CallKind,
    DenialKind,
    ExecutionContext,
    Handler,
    HandlerMarker,
    PluginError,
    Source,
    log_denial,
)
from nestpy_core.contracts import EndpointAnswer, EndpointRequest

__all__ = ("ListenerContext",)

logger = logging.getLogger("nestpy.health")

STATUS = {
    DenialKind.UNAUTHORIZED: 401,
    DenialKind.FORBIDDEN: 403,
    DenialKind.RATE_LIMITED: 429,
    DenialKind.INSUFFICIENT_SCOPE: 403,
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    414: "URI Too Long",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    505: "HTTP Version Not Supported",
}


class EndpointMarker(HandlerMarker, frozen=True, kw_only=True):
    """Stands for the decorator that an endpoint has not, for what instruments it."""

    edge: ClassVar[str] = "health"
    word: ClassVar[str] = "an endpoint"
    path: str


class ListenerContext(ExecutionContext, eq=False):
    """What layers know of a request to the listener.

    Attributes:
        request: the request.
    """

    edge: ClassVar[str] = "health"

    request: Any = None

    @property
    def headers(self) -> Any:  # a mapping of texts
        """The request headers by lower-case name."""
        return self.request.headers


class EndpointCall(Call):
    """What instruments learn of a request to the listener."""

    __slots__ = ()

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return the status as text."""
        del error
        return str(outcome)

    def failed(self, outcome: str) -> bool:
        """Say whether the failure is ours."""
        return not outcome.startswith(("2", "3", "4"))


class EndpointCode:
    """What the listener writes of one endpoint; the function takes an `EndpointRequest` and returns the answer."""

    signature = "request"
    subject = "request"
    wants_context = False

    def __init__(self, handler: Handler, path: str) -> None:
        self._handler = handler
        self.name = path
        self.filename = f"nestpy:health {path}"

    def call(self, out: Source) -> str:
        """Write what tells instruments of this request."""
        labels = {"path": self.name}
        kind = CallKind(
            edge="health", name="health.request", operation=self.name, kind="server", labels=labels, outcome="status"
        )
        made = out.fresh("call")
        out.line(f"{made} = {out.constant(EndpointCall, 'EndpointCall')}({out.constant(kind, 'kind')}, request)")
        return made

    def context(self, out: Source) -> str:
        """Build the `ListenerContext`."""
        build = out.constant(ListenerContext, "ListenerContext")
        return f"{build}({out.constant(self._handler, 'handler')}, None, request)"

    def carrier(self, token: type, out: Source) -> str:
        """Refuse what only another edge carries."""
        del out
        raise PluginError(
            f"A layer of every handler injects `{token.__name__}`, which the probes' listener does not carry.\n"
            "Hint: read it from the context where `context.edge` says so, or set `health.listen` to false"
        )

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Give the request to an endpoint that takes it."""
        del out, pipes
        return dict.fromkeys(
            (each.name for each in self._handler.parameters if each.hint is EndpointRequest), "request"
        )

    def refusal(self, out: Source) -> str:
        """Answer a guard's verdict."""
        return f"{out.constant(self._refuse, 'refuse')}(verdict)"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the return."""
        del plain, context
        out.line(f"result = {out.constant(self._checked, 'checked')}(result)")
        if observed:
            out.line("outcome = result.status")
        out.line("return result")

    def failure(self, out: Source, *, observed: bool) -> None:
        """Answer an exception that no filter caught."""
        out.line(f"result = {out.constant(self._fail, 'fail')}(error)")
        if observed:
            out.line("outcome = result.status")
        out.line("return result")

    def _refuse(self, verdict: object) -> EndpointAnswer:
        if isinstance(verdict, Exception):
            return self._fail(verdict)
        denial = log_denial(verdict, self._handler.label)
        headers = {"www-authenticate": denial.challenge or "Bearer"} if denial.kind is DenialKind.UNAUTHORIZED else {}
        return problem(STATUS[denial.kind], headers)

    def _checked(self, result: object) -> EndpointAnswer:
        if isinstance(result, EndpointAnswer):
            return result
        return self._fail(TypeError(f"It returned a {type(result).__name__}, no EndpointAnswer"))

    def _fail(self, error: Exception) -> EndpointAnswer:
        logger.error("%s failed", self.name, exc_info=error)
        return problem(500)


def problem(status: int, headers: dict[str, str] | None = None) -> EndpointAnswer:
    """Return a problem document (RFC 9457) that says no more than its status."""
    body = msgspec.json.encode({"type": "about:blank", "title": TITLES[status], "status": status})
    return EndpointAnswer(
        status=status,
        headers={"content-type": "application/problem+json", "cache-control": "no-store", **(headers or {})},
        body=body,
    )

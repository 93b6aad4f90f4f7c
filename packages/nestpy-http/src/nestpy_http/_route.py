"""Writes the HTTP part of each compiled function: extraction, answer, refusal and failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nestpy_core import DenialKind, ExecutionContext, FromContext, Handler, Source, log_denial, name_of, read_metadata
from nestpy_core.contracts import EndpointAnswer
from nestpy_core.errors import DeniedError, DomainError, FailureKind

from ._answer import Answers, Ready, Response, draft_of
from ._answering import Answering, write_answer
from ._arguments import Argument
from ._context import HttpContext, Request
from ._extraction import Extraction
from ._gate import Gate
from ._intake import Intake
from ._parameters import Place
from ._schema import Schemas
from ._stream import StreamCutError
from .errors import (
    ForbiddenError,
    HttpError,
    InvalidInputError,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from ._events import EventSender

logger = logging.getLogger("nestpy.http")

_STATUS_OF_KIND = {FailureKind.NOT_FOUND: 404, FailureKind.CONFLICT: 409, FailureKind.TIMEOUT: 504}


class RouteCode:
    """What HTTP writes of one function; `UnmatchedCode` answers where no route matched."""

    signature = "scope, protocol, segments"
    subject = "scope"
    wants_context = False
    calls: tuple[Any, Any] | None = None
    """The kinds of call that instruments are told of; None without instruments."""
    _shares = True

    def __init__(self, answers: Answers, schemas: Schemas, intake: Intake) -> None:
        self._answers = answers
        self._schemas = schemas
        self._intake = intake
        self.name = "unmatched"
        self.filename = "nestpy:http unmatched"

    def context(self, out: Source) -> str:
        """Build the `HttpContext`."""
        build = out.constant(HttpContext, "HttpContext")
        return f"{build}({self._handler_name(out)}, None, scope, protocol, {self._intake.limit})"

    def _handler_name(self, out: Source) -> str:
        del out
        return "None"

    def carrier(self, token: type, out: Source) -> str:
        """Give the `Request` of this call: the context's where there is one, so that the body is read once."""
        del token
        if self._shares:
            return "context.request"
        return f"{out.constant(Request, 'Request')}(scope, protocol, {self._intake.limit})"

    def call(self, out: Source) -> str:
        """Put the `HttpCall` in the protocol's place, and return it."""
        from ._observed import HttpCall

        self.calls = self._kinds()
        build, kinds = out.constant(HttpCall, "HttpCall"), out.constant(self.calls, "kinds")
        out.line(f"protocol = {build}({kinds}, scope, protocol)")
        return "protocol"

    def _kinds(self) -> tuple[Any, Any]:
        from ._observed import unmatched_kinds

        return unmatched_kinds()

    def refusal(self, out: Source) -> str:
        """Answer a guard's verdict."""
        return f"{out.constant(self._refuse, 'refuse')}(verdict)"

    def failure(self, out: Source, *, observed: bool) -> None:
        """Answer an exception that no filter caught."""
        fail = out.constant(self._fail, "fail")
        context = ", context" if _begins_with_context(out.lines) else ""
        out.line(f"{'outcome = ' if observed else ''}{fail}(protocol, error{context})")

    def _refuse(self, verdict: object) -> Response:
        return self._answers.problem(refusal_error(verdict, self.name, self._answers.preset.forbidden))

    def _fail(self, protocol: Any, error: Exception, context: HttpContext | None = None) -> int:
        if isinstance(error, StreamCutError):
            logger.error("%s failed: %s", self.name, name_of(type(error.failure)), exc_info=error.failure)
            raise error
        draft = None if context is None else draft_of(context)
        try:
            answer = failure_error(error, self.name, self._answers.preset.forbidden)
            if isinstance(answer, InvalidInputError):
                answer.status = self._intake.validation_status
            return self._answers.refuse(protocol, answer, draft)
        except Exception:
            logger.exception("%s failed with an answer that cannot be sent", self.name)
            return self._answers.refuse(protocol, HttpError(status=500), draft)

    def shape(self, out: Source, call: str, handler: str) -> None:
        """Write the shaping of what the result carries; the module is loaded where an instrument asks for it."""
        from ._shaped_results import shaped_result

        out.line(f"result = {out.constant(shaped_result, 'shaped_result')}(result, {call}, {handler})")

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the extraction of this function's arguments."""
        raise NotImplementedError

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write any result."""
        del plain
        write_answer(out, self._answers, 200, [], context=context, observed=observed)


class UnmatchedCode(RouteCode):
    """What answers 404, 405 and automatic OPTIONS, inside the global interceptors."""

    def __init__(
        self, answers: Answers, schemas: Schemas, intake: Intake, find: Callable[..., Ready], *, intercepted: bool
    ) -> None:
        super().__init__(answers, schemas, intake)
        self._find = find
        self._intercepted = intercepted

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the result itself: there is no handler. Interceptors get one that they may change.

        The third parameter of this function is what the kernel refuses with, or None.
        """
        del pipes
        found = f"{out.constant(self._find, 'not_matched')}(scope, segments)"
        out.line(f"result = {found}.response()" if self._intercepted else f"result = {found}")
        return {}

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what was decided at boot, unless interceptors may have changed it."""
        if self._intercepted:
            super().answer(out, plain=plain, context=context, observed=observed)
            return
        with out.block("if result.body:"):
            out.line("protocol.response_bytes(*result)")
        with out.block("else:"):
            out.line("protocol.response_empty(result.status, result.headers)")
        if observed:
            out.line("outcome = result.status")


class HandlerRouteCode(RouteCode):
    """What HTTP writes of one handler on one route."""

    def __init__(
        self,
        answers: Answers,
        schemas: Schemas,
        intake: Intake,
        *,
        handler: Handler,
        method: str,
        template: str,
        positions: dict[str, int],
        arguments: Sequence[Argument],
        carries: bool,
        gate: Gate,
        sheds: bool,
        shaped: bool = False,
        events: EventSender | None = None,
    ) -> None:
        super().__init__(answers, schemas, intake.of_route(handler.function))
        self.handler = handler
        self._method = method
        self._template = template
        self._shaped = shaped
        self._gate = gate
        self._sheds = sheds
        self.name = handler.label
        self.filename = f"nestpy:http {method} {template}"
        bodies = [argument for argument in arguments if argument.place is Place.BODY]
        requests = [argument for argument in arguments if argument.kind is Request]
        self.wants_context = carries + len(requests) + len(bodies) > 1 or any(
            isinstance(argument.kind, FromContext)
            or (isinstance(argument.kind, type) and issubclass(argument.kind, ExecutionContext))
            for argument in arguments
            if argument.place is None
        )
        self.wants_context |= any(argument.place is Place.SIGNED_COOKIE for argument in arguments)
        self._shares = self.wants_context or bool(handler.layers.get("guards") or handler.layers.get("interceptors"))
        self.owes_cleanup = any(argument.place is Place.FILE for argument in arguments)
        self._extraction = Extraction(
            handler,
            arguments,
            positions,
            intake=self._intake,
            entry=gate.entry,
            shares=self._shares,
            carrier=self.carrier,
            signed=gate.signed,
            resume=gate.resume,
        )
        self._answering = Answering(answers, schemas, handler, method, events)

    def _handler_name(self, out: Source) -> str:
        return out.constant(self.handler, "handler")

    def call(self, out: Source) -> str:
        """Give the `HttpCall`: around what shapes the answers of a route it was made by `observed` already."""
        if not self._shaped:
            return super().call(out)
        self.calls = self._kinds()
        return "protocol.call"

    def _kinds(self) -> tuple[Any, Any]:
        from ._observed import route_kinds

        return route_kinds(self._method, self._template)

    def around(self, out: Source, *, observed: bool) -> contextlib.AbstractContextManager[None]:
        """Write admission, the check of foreign sites and the deadline around everything."""
        function, host = self.handler.function, self.handler.host.source
        return self._gate.around(
            out,
            label=self.name,
            method=self._method,
            seconds=read_metadata(function, "http_timeout", read_metadata(host, "http_timeout")),
            sheds=self._sheds,
            streams=self._answering.may_stream,
            reads=self._extraction.reads,
            observed=observed,
        )

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the extraction of this handler's arguments."""
        self._answering.before(out)
        return self._extraction.write(out, pipes)

    def failed(self, out: Source) -> str:
        """Say whether the handler, or a layer on its way out, answers with a status from 400."""
        return f"{out.constant(is_failure, 'is_failure')}(result, context)"

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the shortest answer that the return annotation and the layers allow."""
        self._answering.write(out, plain=plain, context=context, observed=observed)


def _begins_with_context(lines: Sequence[str]) -> bool:
    """Say whether the `try` whose failure is being written has a context whatever fails in it."""
    if not any("context = " in line for line in lines):
        return False
    handling = next(line for line in reversed(lines) if line.lstrip().startswith("except "))
    margin = handling[: len(handling) - len(handling.lstrip())]
    begin = len(lines) - 1 - lines[::-1].index(f"{margin}try:")
    return lines[begin + 1].startswith(f"{margin}    context = ")


def refusal_error(verdict: object, label: str, forbidden: str = "") -> HttpError:
    """Return the HTTP error of a guard's verdict, and log it; whatever is not a denial refuses with 403.

    Args:
        verdict: False, a `Denial` or an exception.
        label: what the log calls the route.
        forbidden: what a 403 without a sentence of its own says.
    """
    if isinstance(verdict, Exception):
        return failure_error(verdict, label, forbidden)
    denial = log_denial(verdict, label)
    if denial.kind is DenialKind.UNAUTHORIZED:
        return UnauthorizedError(denial.detail, challenge=denial.challenge or "Bearer")
    if denial.kind is DenialKind.RATE_LIMITED:
        return TooManyRequestsError(denial.detail or "Too Many Requests", retry_after=denial.retry_after or 1)
    if denial.kind is DenialKind.INSUFFICIENT_SCOPE:
        scopes = " ".join(denial.scopes)
        challenge = f'Bearer error="insufficient_scope", scope="{scopes}"'
        return ForbiddenError(denial.detail or forbidden, headers={"www-authenticate": challenge})
    return ForbiddenError(denial.detail or forbidden)


def failure_error(error: Exception, label: str, forbidden: str = "") -> HttpError:
    """Return the HTTP error of an exception: its own, that of what denied or failed, or a logged and silent 500."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, DeniedError):
        return refusal_error(error.denial, label, forbidden)
    if isinstance(error, DomainError):
        return _domain_error(error, label)
    logger.error("%s failed: %s", label, name_of(type(error)), exc_info=error)
    return HttpError(status=500)


def is_failure(result: Any, context: HttpContext) -> bool:
    """Say whether what a handler gave is answered with a status from 400, though it raised nothing."""
    draft = draft_of(context)
    if draft is not None and draft.status is not None:
        return draft.status >= 400
    return isinstance(result, Response | EndpointAnswer) and result.status >= 400


def _domain_error(error: DomainError, label: str) -> HttpError:
    if error.kind in (FailureKind.TIMEOUT, FailureKind.UNAVAILABLE):
        # The types alone: the texts of drivers name hosts and users.
        causes = f" after {name_of(type(error.__cause__))}" if error.__cause__ is not None else ""
        logger.warning("%s failed: %s%s", label, name_of(type(error)), causes)
    if error.kind is FailureKind.INVALID:
        return InvalidInputError(error.errors, error.detail or "validation failed")
    extensions = {"errors": error.errors} if error.errors else {}
    if error.kind is FailureKind.UNAVAILABLE:
        return ServiceUnavailableError(error.detail, extensions=extensions)
    return HttpError(error.detail, status=_STATUS_OF_KIND[error.kind], extensions=extensions)

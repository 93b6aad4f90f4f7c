"""Writes the HTTP part of each compiled function: extraction, answer, refusal and failure."""

from __future__ import annotations

import contextlib
import copy
import enum
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin

from nestpy_core import Denial, DenialKind, ExecutionContext, Handler, Source
from nestpy_core._metadata import read
from nestpy_core._names import name_of
from nestpy_core.contracts import EndpointAnswer, EndpointRequest

from ._answer import BYTES, JSON, TEXT, Answers, Response, draft_of
from ._arguments import Argument, check_unread, explain
from ._context import HttpContext, Request
from ._endpoint import neutral_request
from ._input import check_json, has_body, parse_cookies, query_values, read_body
from ._parameters import Place
from ._schema import BOOLEANS, Schemas
from ._stream import StreamCutError, send_stream
from ._violations import pipe_failure
from .errors import ForbiddenError, HttpError, InvalidInputError, TooManyRequestsError, UnauthorizedError

logger = logging.getLogger("nestpy.http")
INPUT_ERRORS = (ValueError, RecursionError, LookupError, TypeError)


class RouteCode:
    """What HTTP writes of one function; `UnmatchedCode` answers where no route matched."""

    signature = "scope, protocol, segments"
    subject = "scope"
    wants_context = False
    _shares = True

    def __init__(self, answers: Answers, schemas: Schemas, limit: int) -> None:
        self._answers = answers
        self._schemas = schemas
        self._limit = limit
        self.name = "unmatched"
        self.filename = "nestpy:http unmatched"

    def context(self, out: Source) -> str:
        """Build the `HttpContext`."""
        build = out.constant(HttpContext, "HttpContext")
        return f"{build}({self._handler_name(out)}, None, scope, protocol, {self._limit})"

    def _handler_name(self, out: Source) -> str:
        del out
        return "None"

    def carrier(self, token: type, out: Source) -> str:
        """Give the `Request` of this call: the context's where there is one, so that the body is read once."""
        del token
        if self._shares:
            return "context.request"
        return f"{out.constant(Request, 'Request')}(scope, protocol, {self._limit})"

    def refusal(self, out: Source) -> str:
        """Answer a guard's verdict."""
        return f"{out.constant(self._refuse, 'refuse')}(verdict)"

    def failure(self, out: Source, *, observed: bool) -> None:
        """Answer an exception that no filter caught."""
        fail = out.constant(self._fail, "fail")
        out.line(f"{'outcome = ' if observed else ''}{fail}(protocol, error)")

    def _refuse(self, verdict: object) -> Response:
        return self._answers.problem(refusal_error(verdict, self.name))

    def _fail(self, protocol: Any, error: Exception) -> int:
        if isinstance(error, StreamCutError):
            logger.error("%s failed: %s", self.name, name_of(type(error.failure)), exc_info=error.failure)
            raise error
        try:
            return self._answers.send(protocol, self._answers.problem(failure_error(error, self.name)), 500, [], None)
        except Exception:
            logger.exception("%s failed with an answer that cannot be sent", self.name)
            return self._answers.send(protocol, self._answers.problem(HttpError(status=500)), 500, [], None)

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the extraction of this function's arguments."""
        raise NotImplementedError

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write any result."""
        del plain
        write_answer(out, self._answers, 200, [], context=context, observed=observed)


class UnmatchedCode(RouteCode):
    """What answers 404, 405 and automatic OPTIONS, inside the global interceptors."""

    def __init__(self, answers: Answers, schemas: Schemas, limit: int, find: Callable[[Any], Response]) -> None:
        super().__init__(answers, schemas, limit)
        self._find = find

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the result itself: there is no handler."""
        del pipes
        out.line(f"result = {out.constant(self._find, 'not_matched')}(scope)")
        return {}


class HandlerRouteCode(RouteCode):
    """What HTTP writes of one handler on one route."""

    def __init__(
        self,
        answers: Answers,
        schemas: Schemas,
        limit: int,
        *,
        handler: Handler,
        method: str,
        template: str,
        positions: dict[str, int],
        arguments: Sequence[Argument],
        carries: bool,
    ) -> None:
        super().__init__(answers, schemas, limit)
        self.handler = handler
        self.name = handler.label
        self.filename = f"nestpy:http {method} {template}"
        self._positions = positions
        self._arguments = arguments
        bodies = [argument for argument in arguments if argument.place is Place.BODY]
        requests = [argument for argument in arguments if argument.kind is Request]
        self.wants_context = carries + len(requests) + len(bodies) > 1 or any(
            isinstance(argument.kind, type) and issubclass(argument.kind, ExecutionContext)
            for argument in arguments
            if argument.place is None
        )
        self._shares = self.wants_context or bool(handler.layers.get("guards") or handler.layers.get("interceptors"))
        self._status = status_of(handler, method)
        self._extra = list(reversed(read(handler.function, "http_headers", ())))

    def _handler_name(self, out: Source) -> str:
        return out.constant(self.handler, "handler")

    # -- arguments

    def arguments(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write raw values first, then pipes, then all conversions under one `try`."""
        raw: dict[str, str] = {}
        expressions = {}
        self._unread(out)
        for argument in self._arguments:
            if argument.place is None:
                expressions[argument.parameter.name] = self._carried(argument, out)
            else:
                raw[argument.parameter.name] = self._raw(argument, out)
        self._piped(out, pipes, raw)
        converted = [argument for argument in self._arguments if argument.make is not None]
        if converted:
            with out.block("try:"):
                for argument in converted:
                    name = argument.parameter.name
                    expressions[name] = self._convert(argument, raw[name], out)
            with out.block(f"except {out.constant(INPUT_ERRORS, 'input_errors')}:"):
                plans = out.constant(tuple(self._arguments), "arguments")
                given = ", ".join(f"{name!r}: {variable}" for name, variable in raw.items())
                out.line(f"raise {out.constant(explain, 'explain')}({plans}, {{{given}}}) from None")
        for argument in self._arguments:
            if argument.place is not None and argument.make is None:
                expressions[argument.parameter.name] = raw[argument.parameter.name]
        self._piped_bodies(out, pipes, expressions)
        return expressions

    def _unread(self, out: Source) -> None:
        """Check the segments that no argument reads: they are refused like the others."""
        read = {argument.name for argument in self._arguments if argument.place is Place.PATH}
        for name, position in self._positions.items():
            if name not in read:
                out.line(f"{out.constant(check_unread, 'check_unread')}({name!r}, segments[{position}])")

    def _carried(self, argument: Argument, out: Source) -> str:
        if argument.kind is EndpointRequest:
            return f"{out.constant(neutral_request, 'neutral_request')}(scope)"
        if argument.kind is Request:
            return self.carrier(Request, out)
        return "context"

    def _raw(self, argument: Argument, out: Source) -> str:
        variable = out.fresh(f"raw_{argument.parameter.name}")
        out.line(f"{variable} = {self._raw_expression(argument, out)}")
        if argument.place is Place.BODY:
            if self._shares:
                out.line(f"context._body = {variable}")
            if not argument.required:
                out.line(f"{variable} = {variable} or None")
        return variable

    def _raw_expression(self, argument: Argument, out: Source) -> str:
        name = argument.name
        if argument.place is Place.PATH:
            return f"segments[{self._positions[name]}]"
        if argument.place is Place.QUERY:
            query = self._once(out, "query", f"{out.constant(query_values, 'query_values')}(scope.query_string)")
            return f"{query}.get({name!r})"
        headers = self._once(out, "headers", "scope.headers")
        if argument.place is Place.HEADER:
            return f"{headers}.get({name!r})"
        if argument.place is Place.COOKIE:
            parse = out.constant(parse_cookies, "parse_cookies")
            cookies = self._once(out, "cookies", f"{parse}({headers}.get('cookie'))")
            return f"{cookies}.get({name!r})"
        if argument.make is not None:
            unless = "" if argument.required else f" and {out.constant(has_body, 'has_body')}({headers})"
            with out.block(f"if {headers}.get('content-type') != 'application/json'{unless}:"):
                out.line(f"{out.constant(check_json, 'check_json')}({headers})")
        out.line(f"length = {headers}.get('content-length')")
        # Fewer digits than the limit has means within it; everything else is decided by `read_body`.
        whole = f"length is not None and len(length) < {len(str(self._limit))} and length.isdecimal()"
        counted = f"{out.constant(read_body, 'read_body')}({headers}, protocol, {self._limit})"
        read = f"await protocol() if {whole} and 'transfer-encoding' not in {headers} else await {counted}"
        if not self._shares:
            return read
        return f"await context._request.body() if context._request is not None else {read}"

    def _once(self, out: Source, name: str, expression: str) -> str:
        line = f"{name} = {expression}"
        if not any(written.strip() == line for written in out.lines):
            out.line(line)
        return name

    def _piped(self, out: Source, pipes: Any, raw: dict[str, str]) -> None:
        for argument in self._arguments:
            if argument.place in (None, Place.BODY) or not (pipes.bound or argument.options.pipes):
                continue
            variable = raw[argument.parameter.name]
            absent = argument.place is not Place.PATH
            with out.block(f"if {variable} is not None:") if absent else contextlib.nullcontext():
                self._pipe(out, pipes, variable, argument)

    def _piped_bodies(self, out: Source, pipes: Any, expressions: dict[str, str]) -> None:
        for argument in self._arguments:
            if argument.place is Place.BODY and (pipes.bound or argument.options.pipes):
                self._pipe(out, pipes, expressions[argument.parameter.name], argument)

    def _pipe(self, out: Source, pipes: Any, variable: str, argument: Argument) -> None:
        with out.block("try:"):
            pipes.apply(variable, argument.parameter, argument.options.pipes)
        with out.block("except ValueError as refused:"):
            failed = out.constant(pipe_failure, "pipe_failure")
            failure = f"{{{argument.name!r}: [{failed}(refused, {variable})]}}"
            out.line(f"raise {out.constant(InvalidInputError, 'InvalidInputError')}({failure}) from refused")

    def _convert(self, argument: Argument, raw: str, out: Source) -> str:
        variable = out.fresh(f"arg_{argument.parameter.name}")
        make = out.constant(argument.make, f"make_{argument.parameter.name}")
        made = self._made(argument, raw, make, out)
        if argument.required or argument.place is Place.PATH:
            out.line(f"{variable} = {made}")
        else:
            default = out.constant(argument.default, f"default_{argument.parameter.name}")
            fresh = (
                f"{out.constant(copy.deepcopy, 'deepcopy')}({default})" if _is_mutable(argument.default) else default
            )
            out.line(f"{variable} = {fresh} if {raw} is None else {made}")
        return variable

    def _made(self, argument: Argument, raw: str, make: str, out: Source) -> str:
        """Return the expression that converts *raw*; the commonest conversions need no call."""
        piped = bool(argument.options.pipes) or bool(self.handler.layers.get("pipes"))
        if argument.kind is bool and not piped:
            return f"{out.constant(BOOLEANS, 'booleans')}[{raw}]"
        if argument.kind is int and argument.place is not Place.BODY:
            digits = f"{raw}.isdecimal() and {raw}.isascii() and len({raw}) < 19"
            if piped or argument.place is not Place.PATH:
                digits = f"{raw}.__class__ is str and {digits}"
            return f"int({raw}) if {digits} else {make}({raw})"
        return f"{make}({raw})"

    # -- answer

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write the shortest answer that the return annotation and the layers allow."""
        if inspect.isasyncgenfunction(self.handler.function):
            self._stream(out, context=context, observed=observed)
            return
        fast = self._fast()
        if fast is None:
            self._general(out, context=context, observed=observed)
            return
        if plain and not context:
            self._write_fast(out, fast, observed=observed)
            return
        unfit = [] if plain else [self._unfit(out)]
        if context:
            out.line("draft = context._response")
            added = {name for name, _ in self._extra} - {"content-type"}
            unfit.append("draft is not None" if added else "draft is not None and not draft.plain")
        with out.block(f"if {' or '.join(unfit)}:"):
            self._general(out, context=context, observed=observed)
        if context:
            with out.block("elif draft is not None:"):
                self._write_fast(out, fast, observed=observed, more="draft._headers")
        with out.block("else:"):
            self._write_fast(out, fast, observed=observed)

    def _unfit(self, out: Source) -> str:
        """Return the condition under which a layer has replaced the result by one of another type."""
        kind = self._kind()
        if kind is None:
            return f"result.__class__ is {out.constant(Response, 'Response')}"
        return "result is not None" if kind is type(None) else f"result.__class__ is not {kind.__name__}"

    def _kind(self) -> type | None:
        return (
            self.handler.returns
            if self.handler.returns in (str, bytes)
            else (type(None) if self.handler.returns in (None, type(None)) else None)
        )

    def _fast(self) -> tuple[str, str | None, str] | None:
        """Return method, media type and body expression of an answer decided at boot, or None."""
        returns = self.handler.returns
        if returns is inspect.Parameter.empty or may_be_response(returns):
            return None
        if returns in (None, type(None)):
            return ("response_empty", None, "") if self._status in (204, 304) else ("response_bytes", None, "b''")
        if returns is str:
            return "response_str", TEXT, "result"
        if returns is bytes:
            return "response_bytes", BYTES, "result"
        return "response_bytes", JSON, "encode"

    def _write_fast(self, out: Source, fast: tuple[str, str | None, str], *, observed: bool, more: str = "") -> None:
        method, media_type, body = fast
        listed = self._answers.static(media_type, self._extra)
        headers = out.constant(listed, "headers")
        if more:
            headers = f"{headers} + {more}"
        if body == "encode":
            body = f"{out.constant(self._schemas.encode, 'encode')}(result)"
        given = f", {body}" if body else ""
        out.line(f"protocol.{method}({self._status}, {headers}{given})")
        if observed:
            out.line(f"outcome = {self._status}")

    def _general(self, out: Source, *, context: bool, observed: bool) -> None:
        write_answer(out, self._answers, self._status, self._extra, context=context, observed=observed)

    def _stream(self, out: Source, *, context: bool, observed: bool) -> None:
        with out.block("if hasattr(result, '__anext__'):"):
            headers = out.constant(self._answers.static(BYTES, self._extra), "headers")
            send = out.constant(send_stream, "send_stream")
            draft = f"{out.constant(draft_of, 'draft_of')}(context)" if context else "None"
            call = f"await {send}(protocol, result, {self._status}, {headers}, {draft})"
            out.line(f"outcome = {call}" if observed else call)
        with out.block("else:"):
            self._general(out, context=context, observed=observed)


def _is_mutable(default: object) -> bool:
    """Say whether a default must be copied for each request, because a handler could change it."""
    return (
        not isinstance(default, str | bytes | int | float | enum.Enum | None) and copy.deepcopy(default) is not default
    )


def write_answer(
    out: Source, answers: Answers, status: int, extra: list[tuple[str, str]], *, context: bool, observed: bool
) -> None:
    """Write the call that answers with any result, through the one choke point."""
    draft = f"{out.constant(draft_of, 'draft_of')}(context)" if context else "None"
    send = out.constant(answers.send, "send")
    headers = out.constant(extra, "extra_headers")
    call = f"{send}(protocol, result, {status}, {headers}, {draft})"
    out.line(f"outcome = {call}" if observed else call)


def status_of(handler: Handler, method: str) -> int:
    """Return the success status: `@http_code`, else 201 for POST, 204 for a result annotated None, else 200."""
    stated: int | None = read(handler.function, "http_code")
    if stated is not None:
        return stated
    if handler.returns in (None, type(None)):
        return 204
    return 201 if method == "POST" else 200


def may_be_response(returns: Any) -> bool:
    """Say whether an annotation admits a `Response`, or anything."""
    if returns is Any or returns is object:
        return True
    if any(may_be_response(item) for item in get_args(returns) if isinstance(item, type) or get_args(item)):
        return get_origin(returns) not in (list, dict, tuple, set, frozenset)
    return isinstance(returns, type) and issubclass(returns, Response | EndpointAnswer)


def refusal_error(verdict: object, label: str) -> HttpError:
    """Return the HTTP error of a guard's verdict; whatever is not a denial refuses with 403."""
    if isinstance(verdict, Exception):
        return failure_error(verdict, label)
    denial = verdict if isinstance(verdict, Denial) else Denial()
    if denial.kind is DenialKind.UNAUTHORIZED:
        return UnauthorizedError(denial.detail, challenge=denial.challenge or "Bearer")
    if denial.kind is DenialKind.RATE_LIMITED:
        return TooManyRequestsError(denial.detail or "Too Many Requests", retry_after=denial.retry_after or 1)
    if denial.kind is DenialKind.INSUFFICIENT_SCOPE:
        scopes = " ".join(denial.scopes)
        challenge = f'Bearer error="insufficient_scope", scope="{scopes}"'
        return ForbiddenError(denial.detail, headers={"www-authenticate": challenge})
    return ForbiddenError(denial.detail)


def failure_error(error: Exception, label: str) -> HttpError:
    """Return the HTTP error of an exception; what is no `HttpError` is logged and becomes a silent 500."""
    if isinstance(error, HttpError):
        return error
    logger.error("%s failed: %s", label, name_of(type(error)), exc_info=error)
    return HttpError(status=500)

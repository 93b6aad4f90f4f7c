"""Writes what extracts a handler's arguments: raw values first, then pipes, then all conversions under one `try`."""

from __future__ import annotations

import contextlib
import copy
import enum
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from nestpy_core import FromContext, Handler, Source
from nestpy_core.contracts import EndpointRequest

from ._arguments import Argument, check_unread, explain, reads_whole
from ._body import body_chunks, body_type, patience, read_body, unread
from ._client_address import ClientIp, client_ip
from ._context import Request
from ._deadlines import LIMIT
from ._endpoint import neutral_request
from ._input import check_json, has_body, parse_cookies, query_values
from ._intake import JSON, Intake
from ._parameters import FORM_PLACES, Place
from ._schema import BOOLEANS, is_collection, optional_inner
from ._shape import BoundedDecoder
from ._violations import pipe_error
from ._websocket import WebSocket
from ._whole_numbers import mended

MAX_DIGITS = 3
"""Bodies of fewer than 1,000 bytes are read in one await: they must be there before the rate begins to count. That of
longer ones is watched chunk by chunk, which costs up to a fifth more."""

INPUT_ERRORS = (ValueError, RecursionError, LookupError, TypeError)


class Extraction:
    """The arguments of one handler on one route.

    Args:
        handler: whose they are.
        arguments: where each comes from.
        positions: the index of each path parameter in the split path.
        intake: how much of a body is taken.
        entry: writes an expression for the request's entry in the table of running requests.
        shares: whether the function has a context that knows the body too.
        carrier: writes an expression for the `Request`.
        signed: writes an expression for what reads signed cookies.
        resume: writes what follows upon a body that was read.
    """

    def __init__(
        self,
        handler: Handler,
        arguments: Sequence[Argument],
        positions: dict[str, int],
        *,
        intake: Intake,
        entry: Callable[[Source], str],
        shares: bool,
        carrier: Callable[[type, Source], str],
        signed: Callable[[Source], str],
        resume: Callable[[Source], None],
    ) -> None:
        self._handler = handler
        self._arguments = arguments
        self._positions = positions
        self._intake = intake
        self._entry = entry
        self._shares = shares
        self._carrier = carrier
        self._signed = signed
        self._resume = resume

    @property
    def reads(self) -> bool:
        """Whether it waits for a body."""
        places = {argument.place for argument in self._arguments}
        return not places.isdisjoint((Place.BODY, *FORM_PLACES))

    def write(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the extraction; return an expression for each parameter."""
        raw: dict[str, str] = {}
        expressions = {}
        self._unread(out)
        for argument in self._arguments:
            if argument.place is None:
                taken = isinstance(argument.kind, FromContext)
                carried = self._from_context(argument, out, pipes) if taken else self._carried(argument, out)
                expressions[argument.parameter.name] = carried
            else:
                raw[argument.parameter.name] = self._raw(argument, out)
        self._piped(out, pipes, raw)
        converted = [argument for argument in self._arguments if argument.make is not None]
        if converted:
            with out.block("try:"):
                for argument in converted:
                    name = argument.parameter.name
                    expressions[name] = self._convert(argument, raw[name], out)
            refused = out.constant(INPUT_ERRORS, "input_errors")
            with out.block(f"except {refused}:"):
                bodies = [expressions[one.parameter.name] for one in converted if one.place is Place.BODY]
                for name in bodies:
                    out.line(f"{name} = None")  # what was decoded makes room for what is wrong with it
                plans = out.constant(tuple(one for one in self._arguments if one.place is not None), "arguments")
                given = ", ".join(f"{name!r}: {variable}" for name, variable in raw.items())
                if bodies:
                    mend = f"{out.constant(mended, 'mended')}({plans}, {{{given}}}, {refused})"
                    out.line(f"{', '.join(expressions[one.parameter.name] for one in converted)}, = {mend}")
                else:
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
                self._check_unread(name, f"segments[{position}]", out)

    def _check_unread(self, name: str, segment: str, out: Source) -> None:
        # Letters and digits alone, which C tells, are no segment that would be refused.
        with out.block(f"if not {segment}.isalnum():"):
            out.line(f"{out.constant(check_unread, 'check_unread')}({name!r}, {segment})")

    def _carried(self, argument: Argument, out: Source) -> str:
        if argument.kind is EndpointRequest:
            return f"{out.constant(neutral_request, 'neutral_request')}(scope)"
        if argument.kind is ClientIp:
            return f"{out.constant(client_ip, 'client_ip')}(scope)"
        if argument.kind is WebSocket:
            return "protocol.socket"
        if argument.kind is Request:
            return self._carrier(Request, out)
        return "context"

    def _from_context(self, argument: Argument, out: Source, pipes: Any) -> str:
        read = argument.kind.read
        variable = out.fresh(f"arg_{argument.parameter.name}")
        call = f"{out.constant(read, f'read_{argument.parameter.name}')}(context)"
        out.line(f"{variable} = {'await ' if inspect.iscoroutinefunction(read) else ''}{call}")
        if pipes.any_for(argument.parameter):
            self._pipe(out, pipes, variable, argument, may_be_absent=True)
        return variable

    def _raw(self, argument: Argument, out: Source) -> str:
        variable = out.fresh(f"raw_{argument.parameter.name}")
        out.line(f"{variable} = {self._raw_expression(argument, out)}")
        if argument.place is Place.BODY:
            if self._shares and not argument.streams:
                out.line(f"context._body = {variable}")
            if argument.make is not None and self._intake.consumes != (JSON,):
                out.line(f"{variable} = mark({variable})")
            if not argument.required and not argument.streams:
                out.line(f"{variable} = {variable} or None")
        return variable

    def _raw_expression(self, argument: Argument, out: Source) -> str:
        name = argument.name
        if argument.place is Place.PATH:
            return f"segments[{self._positions[name]}]"
        if argument.place is Place.QUERY:
            return self._query(argument, out)
        headers = self._once(out, "headers", "scope.headers")
        if argument.place is Place.HEADER:
            several = is_collection(argument.kind)
            return f"{headers}.get_all({name!r}) or None" if several else f"{headers}.get({name!r})"
        if argument.place is Place.COOKIE:
            parse = out.constant(parse_cookies, "parse_cookies")
            cookies = self._once(out, "cookies", f"{parse}({headers}.get('cookie'))")
            return f"{cookies}.get({name!r})"
        if argument.place is Place.SIGNED_COOKIE:
            kind = out.constant(optional_inner(argument.kind)[0], f"kind_{argument.parameter.name}")
            return f"{self._signed(out)}(context, {name!r}, {kind})"
        if argument.place in FORM_PLACES:
            return self._form(argument, headers, out)
        if argument.streams:
            chunks = out.constant(body_chunks, "body_chunks")
            return f"{chunks}({headers}, protocol, {self._intake.limit}, {self._bounds(out)})"
        if argument.make is not None:
            self._check_type(argument, headers, out)
        return self._body(headers, out)

    def _query(self, argument: Argument, out: Source) -> str:
        query = self._once(out, "query", f"{out.constant(query_values, 'query_values')}(scope.query_string)")
        if not reads_whole(argument.make):
            return f"{query}.get({argument.name!r})"
        present = out.constant(argument.make.present, f"present_{argument.parameter.name}")
        return query if argument.required else f"{present}({query})"

    def _check_type(self, argument: Argument, headers: str, out: Source) -> None:
        if self._intake.consumes != (JSON,):
            check = out.constant(body_type, "body_type")
            out.line(f"mark = {check}({headers}, {out.constant(self._intake.consumes, 'consumes')})")
            return
        unless = "" if argument.required else f" and {out.constant(has_body, 'has_body')}({headers})"
        with out.block(f"if {headers}.get('content-type') != 'application/json'{unless}:"):
            out.line(f"{out.constant(check_json, 'check_json')}({headers})")

    def _bounds(self, out: Source) -> str:
        return f"{out.constant(self._intake, 'intake')}, {self._entry(out)}"

    def _body(self, headers: str, out: Source) -> str:
        """Write what reads the whole body: at once where it is small and framed plainly, else counted."""
        if not self._shares:
            self._read(headers, out)
            return "body"
        with out.block("if context._request is None:"):
            self._read(headers, out)
        with out.block("else:"):
            out.line("body = await context._request.body()")
        return "body"

    def _read(self, headers: str, out: Source) -> None:
        out.line(f"length = {headers}.get('content-length')")
        # Fewer digits than the limit has means within it; everything else is decided by `read_body`.
        digits = min(len(str(self._intake.limit)) - 1, MAX_DIGITS)
        small = f"length is not None and len(length) <= {digits} and length.isdecimal()"
        plain = f"'transfer-encoding' not in {headers} and 'content-encoding' not in {headers}"
        with out.block(f"if {small} and {plain}:"):
            entry = out.fresh("entry")
            out.line(f"{entry} = {self._entry(out)}")
            own, seconds = out.fresh("own"), out.constant(patience(10**digits - 1, self._intake), "patience")
            out.line(f"{own}, {entry}[{LIMIT}] = {entry}[{LIMIT}], {seconds}")
            with out.block("try:"):
                out.line("body = await protocol()")
            with out.block("except BaseException as failed:"):
                out.line(f"raise {out.constant(unread, 'unread')}(failed, {entry}, {own}) from None")
            out.line(f"{entry}[{LIMIT}] = {own}")
        with out.block("else:"):
            counted = out.constant(read_body, "read_body")
            out.line(f"body = await {counted}({headers}, protocol, {self._intake.limit}, {self._bounds(out)})")
        self._resume(out)

    # -- forms

    def _form(self, argument: Argument, headers: str, out: Source) -> str:
        """Write what reads the form, once, and return the expression of one argument."""
        if not any(line.strip().startswith("form = ") for line in out.lines):
            if any(each.place is Place.FILE for each in self._arguments):
                self._multipart(headers, out)
            else:
                from ._form import check_urlencoded, urlencoded

                out.line(f"{out.constant(check_urlencoded, 'check_urlencoded')}({headers})")
                body = self._body(headers, out)
                if self._shares:
                    out.line("context._body = body")
                limits = f"{self._intake.fields}, {self._intake.field_limit}"
                out.line(f"form = {out.constant(urlencoded, 'urlencoded')}({body}, {limits})")
        if argument.place is Place.FILE:
            return f"files.get({argument.name!r})"
        if argument.whole:
            return "form" if argument.required else "form or None"
        return f"form.get({argument.name!r})"

    def _multipart(self, headers: str, out: Source) -> None:
        from ._multipart import MultipartForm

        names = frozenset(each.name for each in self._arguments if each.place is Place.FILE)
        make = out.constant(MultipartForm, "MultipartForm")
        given = f"{out.constant(self._intake, 'intake')}, {out.constant(names, 'file_names')}"
        out.line(f"multipart = stack.enter_context({make}({given}))")
        out.line(f"await multipart.read({headers}, protocol, {self._entry(out)})")
        self._resume(out)
        out.line("form = multipart.fields")
        out.line("files = multipart.files")

    def _once(self, out: Source, name: str, expression: str) -> str:
        line = f"{name} = {expression}"
        if not any(written.strip() == line for written in out.lines):
            out.line(line)
        return name

    def _piped(self, out: Source, pipes: Any, raw: dict[str, str]) -> None:
        for argument in self._arguments:
            if argument.place is None or _is_made(argument) or not pipes.any_for(argument.parameter):
                continue
            variable = raw[argument.parameter.name]
            if argument.place is Place.PATH:
                self._check_unread(argument.name, variable, out)
            self._pipe(out, pipes, variable, argument, may_be_absent=argument.place is not Place.PATH)

    def _piped_bodies(self, out: Source, pipes: Any, expressions: dict[str, str]) -> None:
        for argument in self._arguments:
            if _is_made(argument) and pipes.any_for(argument.parameter):
                variable = expressions[argument.parameter.name]
                self._pipe(out, pipes, variable, argument, may_be_absent=not argument.required)

    def _pipe(self, out: Source, pipes: Any, variable: str, argument: Argument, *, may_be_absent: bool) -> None:
        guarded = may_be_absent and not pipes.takes_absent(argument.parameter)
        with out.block(f"if {variable} is not None:") if guarded else contextlib.nullcontext():
            with out.block("try:"):
                pipes.apply(variable, argument.parameter, may_be_absent=may_be_absent and not guarded)
            with out.block("except ValueError as refused:"):
                body = ", body=True" if argument.place is Place.BODY or argument.whole else ""
                failed = out.constant(pipe_error, "pipe_error")
                kind = out.constant(argument.kind, f"kind_{argument.parameter.name}")
                out.line(f"raise {failed}({argument.name!r}, {kind}, refused, {variable}{body}) from refused")

    def _convert(self, argument: Argument, raw: str, out: Source) -> str:
        variable = out.fresh(f"arg_{argument.parameter.name}")
        if isinstance(argument.make, BoundedDecoder) and not argument.make.numbers and argument.required:
            return self._bounded(argument.make, argument.parameter.name, raw, variable, out)
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

    def _bounded(self, make: BoundedDecoder, name: str, raw: str, variable: str, out: Source) -> str:
        """Write a body's decoding in place: a call less for each request."""
        out.line(f"{variable} = {out.constant(make.decode, f'decode_{name}')}({raw})")
        unknown = "" if make.keys is None else f" or {raw}.count(b':') != {make.keys}"
        with out.block(f"if len({raw}) > {make.short}{unknown}:"):
            out.line(f"{out.constant(make.check, f'check_{name}')}({raw})")
        return variable

    def _made(self, argument: Argument, raw: str, make: str, out: Source) -> str:
        """Return the expression that converts *raw*; the commonest conversions need no call."""
        piped = bool(argument.parameter.pipes or self._handler.layers.get("pipes"))
        if argument.kind is bool and not piped and not _is_made(argument):
            return f"{out.constant(BOOLEANS, 'booleans')}[{raw}]"
        if argument.kind is int and not _is_made(argument):
            digits = f"{raw}.isdecimal() and {raw}.isascii() and len({raw}) < 19"
            if piped or argument.place is not Place.PATH:
                digits = f"{raw}.__class__ is str and {digits}"
            return f"int({raw}) if {digits} else {make}({raw})"
        if argument.kind is str and argument.place is Place.PATH and not piped:
            return f"{raw} if {raw}.isalnum() else {make}({raw})"
        return f"{make}({raw})"


def _is_made(argument: Argument) -> bool:
    """Say whether pipes see what was made of the body rather than a text."""
    return argument.place in (Place.BODY, Place.FILE, Place.SIGNED_COOKIE) or argument.whole


def _is_mutable(default: object) -> bool:
    """Say whether a default must be copied for each request, because a handler could change it."""
    return (
        not isinstance(default, str | bytes | int | float | enum.Enum | None) and copy.deepcopy(default) is not default
    )

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

from ._arguments import Argument, check_unread, explain
from ._client_address import ClientIp, client_ip
from ._context import Request
from ._endpoint import neutral_request
from ._input import check_json, has_body, parse_cookies, query_values, read_body
from ._parameters import Place
from ._schema import BOOLEANS, is_collection
from ._violations import pipe_error

INPUT_ERRORS = (ValueError, RecursionError, LookupError, TypeError)


class Extraction:
    """The arguments of one handler on one route.

    Args:
        handler: whose they are.
        arguments: where each comes from.
        positions: the index of each path parameter in the split path.
        limit: the largest body.
        shares: whether the function has a context that knows the body too.
        carrier: writes an expression for the `Request`.
    """

    def __init__(
        self,
        handler: Handler,
        arguments: Sequence[Argument],
        positions: dict[str, int],
        *,
        limit: int,
        shares: bool,
        carrier: Callable[[type, Source], str],
    ) -> None:
        self._handler = handler
        self._arguments = arguments
        self._positions = positions
        self._limit = limit
        self._shares = shares
        self._carrier = carrier

    def write(self, out: Source, pipes: Any) -> dict[str, str]:
        """Write the extraction; return an expression for each parameter."""
        raw: dict[str, str] = {}
        expressions = {}
        self._unread(out)
        for argument in self._arguments:
            if argument.place is None:
                taken = isinstance(argument.kind, FromContext)
                carried = self._taken(argument, out, pipes) if taken else self._carried(argument, out)
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
        if argument.kind is ClientIp:
            return f"{out.constant(client_ip, 'client_ip')}(scope)"
        if argument.kind is Request:
            return self._carrier(Request, out)
        return "context"

    def _taken(self, argument: Argument, out: Source, pipes: Any) -> str:
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
            several = is_collection(argument.kind)
            return f"{headers}.get_all({name!r}) or None" if several else f"{headers}.get({name!r})"
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
            if argument.place in (None, Place.BODY) or not pipes.any_for(argument.parameter):
                continue
            variable = raw[argument.parameter.name]
            if argument.place is Place.PATH:
                out.line(f"{out.constant(check_unread, 'check_unread')}({argument.name!r}, {variable})")
            self._pipe(out, pipes, variable, argument, may_be_absent=argument.place is not Place.PATH)

    def _piped_bodies(self, out: Source, pipes: Any, expressions: dict[str, str]) -> None:
        for argument in self._arguments:
            if argument.place is Place.BODY and pipes.any_for(argument.parameter):
                variable = expressions[argument.parameter.name]
                self._pipe(out, pipes, variable, argument, may_be_absent=not argument.required)

    def _pipe(self, out: Source, pipes: Any, variable: str, argument: Argument, *, may_be_absent: bool) -> None:
        guarded = may_be_absent and not pipes.takes_absent(argument.parameter)
        with out.block(f"if {variable} is not None:") if guarded else contextlib.nullcontext():
            with out.block("try:"):
                pipes.apply(variable, argument.parameter, may_be_absent=may_be_absent and not guarded)
            with out.block("except ValueError as refused:"):
                body = ", body=True" if argument.place is Place.BODY else ""
                failed = out.constant(pipe_error, "pipe_error")
                kind = out.constant(argument.kind, f"kind_{argument.parameter.name}")
                out.line(f"raise {failed}({argument.name!r}, {kind}, refused, {variable}{body}) from refused")

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
        piped = bool(argument.parameter.pipes or self._handler.layers.get("pipes"))
        if argument.kind is bool and not piped:
            return f"{out.constant(BOOLEANS, 'booleans')}[{raw}]"
        if argument.kind is int and argument.place is not Place.BODY:
            digits = f"{raw}.isdecimal() and {raw}.isascii() and len({raw}) < 19"
            if piped or argument.place is not Place.PATH:
                digits = f"{raw}.__class__ is str and {digits}"
            return f"int({raw}) if {digits} else {make}({raw})"
        return f"{make}({raw})"


def _is_mutable(default: object) -> bool:
    """Say whether a default must be copied for each request, because a handler could change it."""
    return (
        not isinstance(default, str | bytes | int | float | enum.Enum | None) and copy.deepcopy(default) is not default
    )

"""Writes the answering part of each route: the shortest that its return annotation and its layers allow."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_origin

from nestpy_core import Handler, Source
from nestpy_core._metadata import read
from nestpy_core.contracts import EndpointAnswer

from ._answer import BYTES, JSON, TEXT, Answers, Response, draft_of
from ._schema import Schemas
from ._stream import send_stream


class Answering:
    """Writes how one route answers.

    Attributes:
        status: of success.
        extra: headers that the route adds, by `@header`.
    """

    def __init__(self, answers: Answers, schemas: Schemas, handler: Handler, method: str) -> None:
        self._answers = answers
        self._schemas = schemas
        self._handler = handler
        self.status = status_of(handler, method)
        self.extra: list[tuple[str, str]] = list(reversed(read(handler.function, "http_headers", ())))
        self._declared: Response | None = read(handler.function, "http_response")

    @property
    def may_stream(self) -> bool:
        """Whether the answer may begin before it is complete."""
        return inspect.isasyncgenfunction(self._handler.function) or (
            self._handler.returns is not EndpointAnswer and self._fast() is None
        )

    def write(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what answers with ``result``; the flags are those of `HandlerCode.answer`."""
        if self._declared is not None:
            with out.block("if result is None:"):
                out.line(f"result = {out.constant(self._declared, 'declared')}")
            self._general(out, context=context, observed=observed)
            return
        if inspect.isasyncgenfunction(self._handler.function):
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
            added = {name for name, _ in self.extra} - {"content-type"}
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
        returns = self._handler.returns
        return returns if returns in (str, bytes) else (type(None) if returns in (None, type(None)) else None)

    def _fast(self) -> tuple[str, str | None, str] | None:
        """Return method, media type and body expression of an answer decided at boot, or None."""
        returns = self._handler.returns
        if returns is inspect.Parameter.empty or may_be_response(returns):
            return None
        if returns in (None, type(None)):
            return ("response_empty", None, "") if self.status in (204, 304) else ("response_bytes", None, "b''")
        if returns is str:
            return "response_str", TEXT, "result"
        if returns is bytes:
            return "response_bytes", BYTES, "result"
        return "response_bytes", JSON, "encode"

    def _write_fast(self, out: Source, fast: tuple[str, str | None, str], *, observed: bool, more: str = "") -> None:
        method, media_type, body = fast
        listed = self._answers.static(media_type, self.extra)
        headers = out.constant(listed, "headers")
        if more:
            headers = f"{headers} + {more}"
        if body == "encode":
            body = f"{out.constant(self._schemas.encode, 'encode')}(result)"
        given = f", {body}" if body else ""
        out.line(f"protocol.{method}({self.status}, {headers}{given})")
        if observed:
            out.line(f"outcome = {self.status}")

    def _general(self, out: Source, *, context: bool, observed: bool) -> None:
        write_answer(out, self._answers, self.status, self.extra, context=context, observed=observed)

    def _stream(self, out: Source, *, context: bool, observed: bool) -> None:
        with out.block("if hasattr(result, '__anext__'):"):
            headers = out.constant(self._answers.static(BYTES, self.extra), "headers")
            send = out.constant(send_stream, "send_stream")
            draft = f"{out.constant(draft_of, 'draft_of')}(context)" if context else "None"
            call = f"await {send}(protocol, result, {self.status}, {headers}, {draft})"
            out.line(f"outcome = {call}" if observed else call)
        with out.block("else:"):
            self._general(out, context=context, observed=observed)


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

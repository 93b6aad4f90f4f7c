"""Writes the answering part of each route: the shortest that its return annotation and its layers allow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from nestpy_core import Handler, Source, read_metadata
from nestpy_core.contracts import EndpointAnswer

from ._answer import BYTES, JSON, JSON_LINES, TEXT, Answers, Response, draft_of
from ._file_response import FileResponse
from ._negotiation import Representations, is_msgpack
from ._schema import Schemas
from ._shaping import is_chunk, is_stream, item_of
from ._stream import lines, send_stream, stepped
from ._stream_response import StreamResponse

if TYPE_CHECKING:
    from ._events import EventSender


class Answering:
    """Writes how one route answers.

    Attributes:
        status: of success.
        extra: headers that the route adds, by `@header`.
    """

    def __init__(
        self, answers: Answers, schemas: Schemas, handler: Handler, method: str, events: EventSender | None = None
    ) -> None:
        self._answers = answers
        self._schemas = schemas
        self._handler = handler
        self.status = status_of(handler, method)
        self.extra: list[tuple[str, str]] = list(reversed(read_metadata(handler.function, "http_headers", ())))
        self._events = events
        offers: tuple[str, ...] = read_metadata(handler.function, "http_produces", ())
        self._representations: Representations | None = None
        if len(offers) > 1 or any(map(is_msgpack, offers)):
            encoders = [schemas.encode_msgpack if is_msgpack(one) else schemas.encode for one in offers]
            self._representations = Representations(answers, offers, encoders)
        elif offers:
            self.extra.insert(0, ("content-type", offers[0]))
        self._declared: Response | None = read_metadata(handler.function, "http_response")

    @property
    def may_stream(self) -> bool:
        """Whether the answer may begin before it is complete."""
        return is_stream(self._handler) or (self._handler.returns is not EndpointAnswer and self._fast() is None)

    def before(self, out: Source) -> None:
        """Write what is refused before the handler runs: a representation that the route does not have."""
        if self._representations is not None:
            choose = out.constant(self._representations.chooser(), "choose")
            out.line(f"{choose}(scope.headers.get('accept'))")

    def write(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what answers with ``result``; the flags are those of `HandlerCode.answer`."""
        if self._declared is not None:
            with out.block("if result is None:"):
                out.line(f"result = {out.constant(self._declared, 'declared')}")
            self._general(out, context=context, observed=observed)
            return
        if is_stream(self._handler):
            self._stream(out, context=context, observed=observed)
            return
        if self._representations is not None:
            sender = self._representations.sender()
            self._sent(out, sender, "send_chosen", context=context, observed=observed)
            return
        if names_file(self._handler.returns):
            from ._files import FileSender  # it loads mimetypes and email

            send = FileSender(self._answers).send
            self._sent(out, send, "send_file", waits=True, context=context, observed=observed)
            return
        if names_stream(self._handler.returns):
            from ._streams import StreamSender

            sends = StreamSender(self._answers).send
            self._sent(out, sends, "send_streamed", waits=True, context=context, observed=observed)
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
        listed = self._answers.shared(media_type, self.extra)
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

    def _sent(
        self, out: Source, sender: Callable[..., Any], name: str, *, waits: bool = False, context: bool, observed: bool
    ) -> None:
        """Write the call of a sender that also reads the request."""
        draft = f"{out.constant(draft_of, 'draft_of')}(context)" if context else "None"
        extra = out.constant(self.extra, "extra_headers")
        call = f"{out.constant(sender, name)}(scope, protocol, result, {self.status}, {extra}, {draft})"
        call = f"await {call}" if waits else call
        out.line(f"outcome = {call}" if observed else call)

    def _stream(self, out: Source, *, context: bool, observed: bool) -> None:
        """Write the sending of a generator, unless a layer has put something else in its place."""
        asynchronous = inspect.isasyncgenfunction(self._handler.function)
        with out.block(f"if hasattr(result, '{'__anext__' if asynchronous else '__next__'}'):"):
            chunks = "result"
            if not asynchronous:
                chunks = f"{out.constant(stepped, 'stepped')}({chunks}, blocking={self._handler.blocking})"
            sender: Callable[..., Any] = send_stream
            if self._events is not None:
                from ._events import EVENT_HEADERS, EVENT_STREAM

                media_type, extra, sender, name = EVENT_STREAM, EVENT_HEADERS, self._events.send, "send_events"
            else:
                media_type, extra, name = BYTES, [], "send_stream"
                if not is_chunk(item_of(self._handler)):
                    media_type = JSON_LINES
                    encode = out.constant(self._schemas.encode, "encode")
                    chunks = f"{out.constant(lines, 'lines')}({chunks}, {encode})"
            given = {name for name, _ in self.extra}
            own = [*self.extra, *(pair for pair in extra if pair[0] not in given)]
            headers = out.constant(self._answers.static(media_type, own), "headers")
            send = out.constant(sender, name)
            # The generator runs later: what it drafts before its first chunk counts.
            draft = "context.response" if context else "None"
            call = f"await {send}(protocol, {chunks}, {self.status}, {headers}, {draft})"
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
    stated: int | None = read_metadata(handler.function, "http_code")
    if stated is not None:
        return stated
    if handler.returns in (None, type(None)):
        return 204
    return 201 if method == "POST" else 200


def may_be_response(returns: Any) -> bool:
    """Say whether an annotation admits a `Response`, or anything."""
    if returns is Any or returns is object:
        return True
    if isinstance(returns, type):
        return issubclass(returns, (Response, EndpointAnswer))
    if any(may_be_response(item) for item in get_args(returns) if isinstance(item, type) or get_args(item)):
        return get_origin(returns) not in (list, dict, tuple, set, frozenset)
    return False


def names_file(returns: Any) -> bool:
    """Say whether an annotation names `FileResponse`, alone or among others."""
    return _names(returns, FileResponse)


def names_stream(returns: Any) -> bool:
    """Say whether an annotation names `StreamResponse`, alone or among others."""
    return _names(returns, StreamResponse)


def _names(returns: Any, kind: type[Response]) -> bool:
    if isinstance(returns, type):
        return issubclass(returns, kind)
    return get_origin(returns) in (Union, UnionType) and any(_names(one, kind) for one in get_args(returns))

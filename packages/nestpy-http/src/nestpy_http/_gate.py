"""Writes what stands around every route: admission, the check of foreign sites, the deadline."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Hashable
from typing import Any

from nestpy_core import Graph, Source

from ._answer import Answers
from ._config import HttpConfig
from ._csrf import UNSAFE_METHODS, Csrf
from ._deadlines import Ended, RunningRequests, StreamingProtocol, current_task_code
from ._signed_cookies import SignedCookies
from .errors import ServiceUnavailableError

logger = logging.getLogger("nestpy.http")

Ending = tuple[list[str], str, list[str]]
"""Lines up to the one that tells a route's label, that line up to the label, and the lines below it."""
CLIENT_GONE = 499
"""What instruments are told where the client left before its answer; nobody is sent it."""


class Gate:
    """Writes the same few lines into each compiled route; one for each app."""

    def __init__(self, graph: Graph, config: HttpConfig, answers: Answers) -> None:
        self._graph = graph
        self._config = config
        self._answers = answers
        self._requests = graph.bindings_of(RunningRequests)[0]
        self._csrf = Csrf(config.cors_origins if config.cors_credentials else ())
        busy = ServiceUnavailableError("Too many requests are running")
        late = ServiceUnavailableError("The request took too long")
        self._beginnings: dict[Hashable, Any] = {}
        self._busy = answers.ready(answers.problem(busy))
        self._late = answers.ready(answers.problem(late))

    def around(
        self,
        out: Source,
        *,
        label: str,
        method: str,
        seconds: float | None,
        sheds: bool,
        streams: bool,
        reads: bool,
        observed: bool,
    ) -> contextlib.AbstractContextManager[None]:
        """Write the gate of one route.

        Args:
            out: where to write.
            label: what the log calls the route.
            method: its method.
            seconds: its own deadline; None for the app's, 0 for none.
            sheds: whether it is refused when too many requests run; probes are not.
            streams: whether its answer may stream, which ends the deadline.
            reads: whether it waits for a body, which others need not wait for.
            observed: whether instruments read ``outcome``.
        """
        checks = self._config.csrf and method in UNSAFE_METHODS
        outcome = "outcome = " if observed else ""

        def begin(beginning: Source) -> Ending:
            if sheds:
                self._admit(beginning, outcome)
            if checks:
                self._check_site(beginning, outcome)
            return self._enter(beginning, self._seconds(seconds, beginning), outcome, streams=streams, reads=reads)

        ending = out.replay((checks, seconds, sheds, streams, reads, observed), self._beginnings, begin)
        return _Bounded(out, ending, out.constant(label, "label"))

    def entry(self, out: Source) -> str:
        """Return an expression for the running request's entry in the table."""
        return f"{self._running(out, 'table')}[protocol]"

    def resume(self, out: Source) -> None:
        """Write what takes a request back among those that run, once its slow body has come."""
        parked = self._running(out, "parked")
        with out.block(f"if {parked} and protocol in {parked}:"):
            out.line(f"await {self._running(out, 'unpark')}(protocol)")

    def signed(self, out: Source) -> str:
        """Return an expression for what reads signed cookies."""
        return out.method(self._graph.bindings_of(SignedCookies)[0], "get")

    def _running(self, out: Source, attribute: str) -> str:
        return out.method(self._requests, attribute)

    def _seconds(self, own: float | None, out: Source) -> str:
        seconds = float(self._config.request_timeout if own is None else own)
        return repr(seconds) if seconds else out.constant(float("inf"), "never")

    def _admit(self, out: Source, outcome: str) -> None:
        table = self._running(out, "table")
        admit = self._running(out, "admit")
        with out.block(f"if len({table}) >= {self._config.max_concurrency} and not await {admit}():"):
            out.line(f"protocol.response_bytes(*{out.constant(self._busy, 'busy')})")
            if outcome:
                out.line("outcome = 503")
            out.line("return")

    def _check_site(self, out: Source, outcome: str) -> None:
        out.line("headers = scope.headers")
        refused = out.fresh("refused")
        with out.block("if 'cookie' in headers:"):
            out.line(f"{refused} = {out.constant(self._csrf.check, 'check_site')}(scope, headers)")
            with out.block(f"if {refused} is not None:"):
                out.line(f"{outcome}{out.constant(self._answers.refuse, 'refuse')}(protocol, {refused})")
                out.line("return")

    def _enter(self, out: Source, seconds: str, outcome: str, *, streams: bool, reads: bool) -> Ending:
        """Write the entry in the table, and return what ends the `try` that follows."""
        table = self._running(out, "table")
        if streams:
            out.line(f"protocol = {out.constant(StreamingProtocol, 'StreamingProtocol')}(protocol, {table})")
        task = current_task_code(out.constant, self._running(out, "loop"))
        out.line(f"{table}[protocol] = [{task}, {seconds}, None, None]")
        why = out.fresh("why")
        cancelled = [
            f"except {out.constant(asyncio.CancelledError, 'CancelledError')}:",
            f"    {why} = {self._running(out, 'ended')}(protocol)",
            f"    if {why} is None:",
            "        raise",
        ]
        told = f"    {outcome}{out.constant(self._end, 'end')}(protocol, {why}, "
        left = ["finally:", f"    {table}.pop(protocol, None)" if streams or reads else f"    del {table}[protocol]"]
        if reads:
            parked = self._running(out, "parked")
            left += [f"    if {parked}:", f"        {parked}.pop(protocol, None)"]
        return out.indented(cancelled), out.indented([told])[0], out.indented(left)

    def _end(self, protocol: Any, why: Ended, label: str) -> int:
        if why is Ended.GONE:
            return CLIENT_GONE
        logger.warning("%s was cancelled: it took too long", label)
        protocol.response_bytes(*self._late)
        return self._late.status


class _Bounded:
    """Writes a `try:` around what is written inside, and its ending."""

    __slots__ = ("_ending", "_label", "_out")

    def __init__(self, out: Source, ending: Ending, label: str) -> None:
        self._out = out
        self._ending = ending
        self._label = label

    def __enter__(self) -> None:
        self._out.block("try:").__enter__()

    def __exit__(self, *failure: object) -> None:
        self._out.__exit__(*failure)
        cancelled, told, left = self._ending
        self._out.lines += (*cancelled, f"{told}{self._label})", *left)

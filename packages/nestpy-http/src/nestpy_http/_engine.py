"""Runs granian on a socket of ours, inside the app's own loop, and knows the requests it runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from nestpy_core.errors import NestPyError

from .errors import ServiceUnavailableError

if TYPE_CHECKING:
    from ._answer import Answers
    from ._asgi_target import AsgiTarget
    from ._config import HttpConfig
    from ._router import Route
    from ._tls import TlsFiles

_MAX_HEADERS = 64 * 1024


class Engine:
    """Several granian servers on one socket, an I/O thread each; other engines may serve the same socket.

    The embedded server runs one thread whatever it is told. granian's own several threads would each own and close
    one file descriptor of a socket that they are given, and the second of them closes whatever has that number by then.

    Args:
        listener: stays the caller's; each server closes its own copy when it stops.
        answer: the kernel.
        config: limits and time-outs.
        tls: what to encrypt with; None serves plain HTTP/1.1.
        asgi: what to serve over ASGI in the kernel's place: RSGI has no WebSockets with subprotocols and close codes.

    Attributes:
        ended: done when nothing of it runs any more; `start` makes it.
    """

    ended: asyncio.Task[None]

    def __init__(
        self, listener: socket.socket, answer: Route, config: HttpConfig, tls: TlsFiles | None, *, asgi: Any = None
    ) -> None:
        self._answer = answer
        self._servers = [
            _server(_Target(answer) if asgi is None else _asgi_target(asgi), listener, connections, config, tls)
            for connections in shares(config.backpressure, config.runtime_threads)
        ]

    async def start(self) -> None:
        """Return once every server accepts.

        Raises:
            NestPyError: one does not.
        """
        loop = asyncio.get_running_loop()
        self.ended = loop.create_task(self._serve())
        all_entered: asyncio.Future[Any] = asyncio.gather(*(server.entered.wait() for server in self._servers))
        either: set[asyncio.Future[Any]] = {self.ended, all_entered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        all_entered.cancel()
        # The worker enters the target and starts its threads in one step of the loop: it runs now, or it failed.
        if not all(server.runs() for server in self._servers):
            self.ask_to_stop()
            await asyncio.wait({self.ended}, timeout=1)
            cause = self.ended.exception() if self.ended.done() else None
            raise NestPyError("The HTTP server did not start") from cause

    async def _serve(self) -> None:
        """Run until the first server ends, asked or by itself; then the others end too."""
        loop = asyncio.get_running_loop()
        runs = [loop.create_task(server.serve()) for server in self._servers]
        await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        self.ask_to_stop()
        await asyncio.wait(runs)
        for run in runs:
            run.result()

    def ask_to_stop(self) -> None:
        """Accept no more, close idle connections, finish what runs."""
        for server in self._servers:
            server.stop()  # type: ignore[no-untyped-call]  # granian's own

    def cut(self, answers: Answers) -> None:
        """Cancel what runs, with 503 where nothing was sent."""
        for task, protocol in self._running():
            with contextlib.suppress(RuntimeError):  # an answer has begun, or the client has gone
                answers.refuse(protocol, ServiceUnavailableError("The server is stopping"))
            task.cancel()
        for server in self._servers:
            server.cancel()

    def _running(self) -> Iterator[tuple[asyncio.Task[Any], Any]]:
        """Yield the task and the protocol of each request, read from granian's own coroutine.

        A table of our own would cost every request something for the sake of those few that outlive a drain.
        """
        for task in asyncio.all_tasks():
            frame = getattr(task.get_coro(), "cr_frame", None)
            if frame is None or frame.f_code.co_name != "future_watcher":
                continue
            names = frame.f_locals
            if names.get("inner") == self._answer:
                yield task, names["watcher"].proto


def shares(connections: int, threads: int) -> list[int]:
    """Divide the connections among the threads as evenly as they go, so that the sum holds; no thread goes without."""
    threads = min(threads, connections)
    return [connections // threads + (thread < connections % threads) for thread in range(threads)]


def _asgi_target(answer: Any) -> AsgiTarget:
    from ._asgi_target import AsgiTarget

    return AsgiTarget(answer)


def _server(
    target: _Target | AsgiTarget, listener: socket.socket, connections: int, config: HttpConfig, tls: TlsFiles | None
) -> _Adopting:
    return _Adopting(
        target,
        listener=listener,
        interface=target.interface,
        http=HTTPModes.http1 if tls is None else HTTPModes.auto,
        http1_settings=HTTP1Settings(header_read_timeout=int(config.header_timeout * 1000)),
        http2_settings=HTTP2Settings(max_headers_size=_MAX_HEADERS),
        websockets=target.interface is Interfaces.ASGI,
        backlog=config.backlog,
        backpressure=connections,
        log_enabled=False,
        ssl_cert=None if tls is None else tls.cert,
        ssl_key=None if tls is None else tls.key,
        ssl_protocol_min=SSLProtocols.tls13 if config.tls_minimum == "1.3" else SSLProtocols.tls12,
    )


class _Adopting(Server):
    """granian's embedded server on a socket that is bound already."""

    def __init__(self, target: _Target | AsgiTarget, *, listener: socket.socket, **options: Any) -> None:
        super().__init__(target, **options)
        self._listener = listener
        self.entered = target.entered
        self.cancel = target.cancel

    def runs(self) -> bool:
        """Say whether the worker accepts."""
        workers: list[Any] = self.wrks
        return bool(workers) and workers[0].is_alive()

    def _init_shared_socket(self) -> None:
        # The server's threads own what they are given and close it when they stop: a copy.
        adopt: Any = SocketHolder  # its stub knows no arguments
        self._shd = adopt(os.dup(self._listener.fileno()), False, self.backlog)


class _Target:
    """What granian calls: the kernel itself, without the app around it."""

    interface = Interfaces.RSGI

    def __init__(self, answer: Route) -> None:
        self.entered = asyncio.Event()
        self.__rsgi__ = answer  # a method around it would cost every request half of what routing does

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.entered.set()

    def cancel(self) -> None:
        """Leave it to `Engine.stop`, which reads granian's own table."""

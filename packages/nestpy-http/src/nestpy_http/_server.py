"""Serves the HTTP edge: opens the listener, runs the server on it, renews its certificate, drains it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from nestpy_core import Serving
from nestpy_core.errors import ConfigurationError, NestPyError

from ._closing import closing
from ._engine import Engine
from ._listener import listen, url_of

if TYPE_CHECKING:
    from ._config import HttpConfig
    from ._edge import HttpEdge
    from ._tls import Pair, TlsFiles

logger = logging.getLogger("nestpy.http")


class HttpServer:
    """The listener of one app.

    Attributes:
        processes: how many of them serve one socket.
    """

    name = "http"

    def __init__(self, edge: HttpEdge) -> None:
        self._edge = edge
        self._listener: socket.socket | None = None
        self._engines: list[Engine] = []

    @property
    def processes(self) -> int:
        """How many processes serve; with one the app's own does."""
        return self._edge.config.workers

    def share(self) -> socket.socket:
        """Open what all processes serve: one socket, so that a connection waits for whichever is free."""
        config = self._edge.config
        return listen(config.host, config.port, config.backlog)

    def adopt(self, shared: socket.socket) -> None:
        """Serve a socket that another process opened."""
        self._listener = shared

    async def serve(self, serving: Serving) -> None:
        """Listen until the app stops, then let running requests finish.

        Raises:
            NestPyError: the address cannot be bound, or the server does not start.
            ConfigurationError: the certificate or the key cannot be used.
        """
        config: HttpConfig = self._edge.graph.sections.get(type(self._edge.config), self._edge.config)
        self._check_late(config)
        files = _tls_files(config)
        pair = None if files is None else files.read()
        listener = self._listener or listen(config.host, config.port, config.backlog)
        try:
            await self._start_engine(listener, config, files)
            logger.info("listening on %s", url_of(listener, tls=files is not None))
            serving.ready()
            await self._until_stopping(serving, listener, config, files, pair)
        except asyncio.CancelledError:
            self._cut()
            raise
        finally:
            listener.close()
            self._listener = None
            try:
                await self._finish()
            finally:
                self._engines = []
                self._edge.closers.clear()

    def _check_late(self, config: HttpConfig) -> None:
        early = self._edge.config
        if self._listener is not None and (early.host, early.port) != (config.host, config.port):
            rule = "must not come from `for_root_async` with several workers: the socket is bound before they start"
            raise ConfigurationError("http.port", rule, hints=("give it to `for_root` or to the environment",))

    # -- serving

    async def _start_engine(self, listener: socket.socket, config: HttpConfig, files: TlsFiles | None) -> None:
        edge = self._edge
        engine = Engine(listener, edge.rsgi, config, files, asgi=None if edge.open_sockets is None else edge.asgi)
        await engine.start()
        self._engines.append(engine)

    async def _until_stopping(
        self, serving: Serving, listener: socket.socket, config: HttpConfig, files: TlsFiles | None, pair: Pair | None
    ) -> None:
        stop = asyncio.ensure_future(serving.stopping.wait())
        beside = [asyncio.ensure_future(self._close_connections(serving))]
        if files is not None and pair is not None:
            beside.append(asyncio.ensure_future(self._renew(listener, config, files, pair)))
        try:
            while not stop.done():
                newest = self._engines[-1]
                await asyncio.wait({newest.ended, stop}, return_when=asyncio.FIRST_COMPLETED)
                if newest.ended.done() and newest is self._engines[-1] and not stop.done():
                    raise NestPyError("The HTTP server ended by itself") from newest.ended.exception()
        finally:
            for task in (stop, *beside):
                task.cancel()

    async def _close_connections(self, serving: Serving) -> None:
        await serving.draining.wait()
        self._edge.closers.append(closing)

    # -- a new certificate

    async def _renew(self, listener: socket.socket, config: HttpConfig, files: TlsFiles, pair: Pair) -> None:
        """Look at the files now and then; a new pair gets a new server on the same socket."""
        seen: Pair | None = None
        while True:
            await asyncio.sleep(config.tls_reload)
            found, seen = await asyncio.to_thread(files.renewed, pair, seen)
            if found is None:
                continue
            try:
                await self._start_engine(listener, config, files)
            except Exception:
                logger.exception("the new certificate does not serve; the old one stays")
                continue
            pair = found
            logger.info("serving with the renewed certificate")
            self._engines = [engine for engine in self._engines if not engine.ended.done()]
            for old in self._engines[:-1]:
                old.ask_to_stop()

    # -- the end

    async def _finish(self) -> None:
        """Wait for sockets and running requests; cancelled at the deadline, see these clean up before providers do."""
        try:
            if self._edge.open_sockets is not None:
                # Before the server stops: granian writes a close frame when the handler has ended.
                await self._edge.open_sockets.end_all()
            for engine in self._engines:
                engine.ask_to_stop()
            await self._ended()
        except asyncio.CancelledError:
            self._cut()
            await self._ended(timeout=1)
            raise

    def _cut(self) -> None:
        for engine in self._engines:
            engine.ask_to_stop()
            engine.cut(self._edge.answers)

    async def _ended(self, timeout: float | None = None) -> None:
        ended = {engine.ended for engine in self._engines}
        if ended:
            await asyncio.wait(ended, timeout=timeout)


def _tls_files(config: HttpConfig) -> TlsFiles | None:
    if not (config.tls_cert or config.tls_key):
        return None
    from ._tls import TlsFiles

    return TlsFiles.of(config)

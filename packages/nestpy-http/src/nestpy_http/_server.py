"""Serves the HTTP edge with granian, embedded in the app's own event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

import anyio
from granian.constants import Interfaces
from granian.server.embed import Server

from nestpy_core import Serving
from nestpy_core.errors import NestPyError

if TYPE_CHECKING:
    from ._edge import HttpEdge

logger = logging.getLogger("nestpy.http")


class HttpServer:
    """The listener of one app."""

    name = "http"

    def __init__(self, edge: HttpEdge) -> None:
        self._edge = edge

    async def serve(self, serving: Serving) -> None:
        """Listen until the app stops, then let running requests finish.

        Raises:
            NestPyError: the address cannot be bound.
        """
        config = self._edge.graph.sections.get(type(self._edge.config), self._edge.config)
        port = _claim(config.host, config.port)
        server = Server(
            _Target(self._edge),
            address=config.host,
            port=port,
            interface=Interfaces.RSGI,
            runtime_threads=config.runtime_threads,
            backlog=config.backlog,
            backpressure=config.backpressure,
            websockets=False,
            log_enabled=False,
        )
        task = asyncio.create_task(server.serve())
        try:
            await _listening(config.host, port, task)
            logger.info("listening on http://%s:%d", _shown(config.host), port)
            serving.ready()
            stop = asyncio.create_task(serving.stopping.wait())
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
        finally:
            server.stop()  # type: ignore[no-untyped-call]  # granian's own
            await _ended(task)


async def _ended(server: asyncio.Task[None]) -> None:
    """Wait for running requests; cancelled at the deadline, cancel them: they clean up before providers do."""
    try:
        await asyncio.wait({server})
    except asyncio.CancelledError:
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__name__", "") == "future_watcher":  # granian's, one for each request
                task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({server}, timeout=1)
        raise
    server.result()


class _Target:
    """What granian calls: the kernel itself, without the app around it."""

    def __init__(self, edge: HttpEdge) -> None:
        self.__rsgi__ = edge.rsgi


def _claim(host: str, port: int) -> int:
    """Check that nobody listens there: granian shares a port silently, and cannot report the one it chose for 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NestPyError(
                f"`{host}:{port}` cannot be bound: {error.strerror}.\n"
                f"Hint: stop what listens there, or set `NESTPY_HTTP__PORT`"
            ) from error
        return int(probe.getsockname()[1])


async def _listening(host: str, port: int, task: asyncio.Task[Any]) -> None:
    """Wait until the port answers: granian's `serve` does not say when."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # a comparison, not a bind
    for _ in range(500):
        if task.done():
            await task
            raise NestPyError(f"The server on `{host}:{port}` ended before it listened")
        try:
            _, writer = await asyncio.open_connection(target, port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        return
    raise NestPyError(f"The server on `{host}:{port}` did not listen within 2.5 s")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

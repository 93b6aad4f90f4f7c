"""The listener of an app without HTTP: answers GET and HEAD of its endpoints, one request for each connection."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from nestpy_core.contracts import EndpointAnswer, EndpointRequest

from ._config import HealthConfig
from ._endpoint_code import problem
from ._wire import MAX_HEAD, BadRequestError, parse_head, written
from .errors import HealthError

if TYPE_CHECKING:
    from nestpy_core import Graph, Serving

logger = logging.getLogger("nestpy.health")

Functions = dict[tuple[str, str], Callable[[EndpointRequest], Awaitable[EndpointAnswer]]]

LINGER = 1.0
"""Seconds and bytes that are still read of a client that sends more than a head, so that it sees its answer."""
MAX_LINGER = 64 * 1024


class Listener:
    """Serves compiled endpoints by path and method.

    It speaks as much of HTTP/1.1 as probes and scrapers need: a request line and headers of at most 8 KiB, no body,
    an answer, and the end of the connection. Everything else is refused.
    """

    name = "health"

    def __init__(self, graph: Graph, functions: Functions) -> None:
        self._graph = graph
        self._functions = functions
        self._connections: set[asyncio.Task[None]] = set()
        self._config = HealthConfig()

    # -- the transport

    async def serve(self, serving: Serving) -> None:
        """Listen until the app stops, then let what runs finish.

        Raises:
            HealthError: the address cannot be bound.
        """
        self._config = self._graph.sections.get(HealthConfig) or self._config
        listener = listen(self._config.host, self._config.port)
        server = await asyncio.start_server(self._accept, sock=listener, limit=MAX_HEAD)
        host, port = listener.getsockname()[:2]
        logger.info("health probes on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        try:
            serving.ready()
            await serving.stopping.wait()
        finally:
            server.close()
            await self._finish()

    async def _finish(self) -> None:
        running = list(self._connections)
        if running:
            await asyncio.wait(running, timeout=LINGER)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # -- one connection

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self._config.max_connections:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer), context=contextvars.Context())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._config.request_timeout):
                    method, answer = await self._respond(reader)
                    writer.write(written(answer, head_only=method == "HEAD"))
                    await writer.drain()
                    writer.write_eof()
                    await _linger(reader)
        except Exception:
            logger.exception("a connection of the probes' listener failed")
        finally:
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _respond(self, reader: asyncio.StreamReader) -> tuple[str, EndpointAnswer]:
        try:
            async with asyncio.timeout(self._config.request_timeout / 2):
                head = await reader.readuntil(b"\r\n\r\n")
            request = parse_head(head)
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise ConnectionResetError from None
            return "GET", problem(400)
        except asyncio.LimitOverrunError:
            return "GET", problem(431)
        except TimeoutError:
            return "GET", problem(408)
        except BadRequestError as error:
            return "GET", problem(error.status)
        return request.method, await self._answer(request)

    async def _answer(self, request: EndpointRequest) -> EndpointAnswer:
        method = "GET" if request.method == "HEAD" else request.method
        function = self._functions.get((request.path, method)) if method == "GET" else None
        if function is not None:
            return await function(request)
        if (request.path, "GET") in self._functions:
            return problem(405, {"allow": "GET, HEAD"})
        return problem(404)


async def _linger(reader: asyncio.StreamReader) -> None:
    """Read on for a moment: closing over unread bytes would reset the connection before its answer is read."""
    left = MAX_LINGER
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(LINGER):
            while left > 0 and (chunk := await reader.read(MAX_HEAD)):
                left -= len(chunk)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        HealthError: the address cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unbound(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _unbound(host, port, error) from error
    return listener


def _unbound(host: str, port: int, error: OSError) -> HealthError:
    return HealthError(
        f"`{host}:{port}` cannot be bound for the health probes: {error.strerror}.\n"
        "Hint: stop what listens there, or set `NESTPY_HEALTH__PORT`"
    )

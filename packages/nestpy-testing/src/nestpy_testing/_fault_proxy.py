"""A TCP proxy that a test puts before a server to make the network slow, lossy or dead, and well again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from ._ports import free_port
from ._proxied import Connection, Link
from ._server_process import HOST
from .errors import TestAppError

__all__ = ("FaultProxy", "OpenProxy")

T = TypeVar("T")

_DEFAULT_PORTS = {"redis": 6379, "postgresql": 5432, "postgres": 5432, "http": 80}


class FaultProxy:
    """Stands between clients and one server: ``with FaultProxy(redis_url) as proxy: connect(proxy.url)``.

    It runs in a thread of its own, so that sync and async tests use it alike, and a test that blocks its loop
    does not block the proxy. Every fault can be changed while connections are open.

    Args:
        target: the server, as a URL or as ``host:port``.
        seed: of the jitter.

    Attributes:
        url: *target* with the proxy's address in the place of the server's.
        up: the way from clients to the server; set ``latency``, ``jitter``, ``bandwidth`` or ``slice``.
        down: the way back.
        accepted: how many connections there have been.
    """

    def __init__(self, target: str, *, seed: int = 0) -> None:
        parts = urlsplit(target if "//" in target else f"//{target}")
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        if not parts.hostname or port is None:
            raise TestAppError(f"`FaultProxy` needs a host and a port, for instance `127.0.0.1:6379`, not `{target}`.")
        self.port = free_port(HOST)
        credentials, at, _ = parts.netloc.rpartition("@")
        moved = urlunsplit(parts._replace(netloc=f"{credentials}{at}{HOST}:{self.port}"))
        self.url = moved if "//" in target else moved.removeprefix("//")
        self.up, self.down = Link(seed), Link(seed + 1)
        self.accepted = 0
        self._target = (parts.hostname, port)
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        self._run(self._listen())
        return self

    def close(self) -> None:
        """Reset every connection and stop listening."""
        if self._thread.is_alive():
            self._run(self._finish())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- faults

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def slow(self, latency: float, *, jitter: float = 0.0) -> None:
        """Hold what passes back by *latency* seconds each way, and by up to *jitter* more."""
        for link in (self.up, self.down):
            link.latency, link.jitter = latency, jitter

    def throttle(self, bandwidth: float | None) -> None:
        """Let at most *bandwidth* bytes a second pass each way on each connection; None for as many as come."""
        self.up.bandwidth = self.down.bandwidth = bandwidth

    def pause(self) -> None:
        """Hold everything back, ends of connections too; `resume` delivers it."""
        self._run(self._set_paused(paused=True))

    def resume(self) -> None:
        """Deliver what `pause` held back."""
        self._run(self._set_paused(paused=False))

    def black_hole(self) -> None:
        """Swallow everything from now on: connections stay open, new ones open, and nobody answers.

        `heal` resets the connections that lost something, as they cannot go on.
        """
        self.up.swallows = self.down.swallows = True

    def cut(self) -> None:
        """Reset every open connection (RST) on both sides; new ones are served."""
        self._run(self._reset(lost=False))

    def cut_after(self, count: int, *, up: bool = False) -> None:
        """Reset each connection once *count* more bytes of answers have passed on it, or of requests with *up*."""
        (self.up if up else self.down).limit(count)

    def half_close(self, *, up: bool = False) -> None:
        """Send the clients an end of stream while their own bytes still pass; with *up* the server instead."""
        self._run(self._half_close(up=up))

    def refuse(self) -> None:
        """Reset every connection and refuse new ones, as when the server is down; `heal` ends it."""
        self._run(self._shut())

    def heal(self) -> None:
        """End every fault: bytes pass as they come, what was held back is delivered, and it listens."""
        self._run(self._heal())

    # -- inside the thread

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._reset(lost=False)

    async def _finish(self) -> None:
        await self._shut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _reset(self, *, lost: bool) -> None:
        for connection in tuple(self._connections):
            if connection.lost or not lost:
                connection.reset()
        # A client learns of it before the caller goes on.
        await asyncio.sleep(0)

    async def _set_paused(self, *, paused: bool) -> None:
        self.up.set_paused(paused=paused)
        self.down.set_paused(paused=paused)

    async def _half_close(self, *, up: bool) -> None:
        for connection in self._connections:
            connection.half_close(up=up)

    async def _heal(self) -> None:
        for link in (self.up, self.down):
            link.heal()
        await self._reset(lost=True)
        await self._listen()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain function with a task of its own: asyncio 3.11 logs the cancellation of a coroutine as an error.
        self.accepted += 1
        connection = Connection(reader, writer, self.up, self.down)
        carrying = self._loop.create_task(connection.run(self._target))
        self._connections[connection] = carrying
        carrying.add_done_callback(lambda _: self._connections.pop(connection))


OpenProxy = Callable[..., FaultProxy]
"""What the fixture `fault_proxy` gives: ``fault_proxy(url)``, with the options of `FaultProxy`."""

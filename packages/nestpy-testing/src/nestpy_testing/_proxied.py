"""One connection through the fault proxy, and the state of the way that its bytes take."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct

CHUNK = 65536
_HELD = 256
"""Pieces that are on their way at once, before the sender must wait."""
_TICK = 20
"""Pieces a second that a throttled connection sends."""


class Link:
    """What happens to bytes on their way in one direction, on every connection; change it at any time.

    Attributes:
        latency: seconds that each piece is held back.
        jitter: at most so many seconds more; the order is kept.
        bandwidth: bytes a second on each connection; None for as many as come.
        slice: at most so many bytes arrive at once; None for as they come.
    """

    def __init__(self, seed: int) -> None:
        self.latency = 0.0
        self.jitter = 0.0
        self.bandwidth: float | None = None
        self.slice: int | None = None
        self.swallows = False
        self.allowance: int | None = None
        self.generation = 0
        self._random = random.Random(seed)  # noqa: S311  # a repeatable jitter
        self._open = asyncio.Event()
        self._open.set()

    def delay(self) -> float:
        """Return how long the next piece is held back."""
        return self.latency + self._random.random() * self.jitter

    def limit(self, count: int) -> None:
        """Allow *count* more bytes on each connection."""
        self.allowance = count
        self.generation += 1

    def set_paused(self, *, paused: bool) -> None:
        """Hold everything back, or deliver it."""
        if paused:
            self._open.clear()
        else:
            self._open.set()

    async def passable(self) -> None:
        """Wait while everything is held back."""
        await self._open.wait()

    def heal(self) -> None:
        """Let bytes pass as they come."""
        self.latency = self.jitter = 0.0
        self.bandwidth = self.slice = self.allowance = None
        self.swallows = False
        self._open.set()


class Connection:
    """A client's connection and the one to the server behind it.

    Attributes:
        lost: whether bytes of it were swallowed, so that it cannot go on.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: Link, down: Link) -> None:
        self.lost = False
        self._client = (reader, writer)
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._links = (up, down)
        self._closed = asyncio.Event()
        self._deaf: set[Link] = set()

    async def run(self, target: tuple[str, int]) -> None:
        """Carry bytes both ways until both have ended, or it is reset."""
        up, down = self._links
        try:
            if up.swallows:  # nobody answers the handshake either
                self.lost = True
                await self._closed.wait()
                return
            self._server = await asyncio.open_connection(*target)
            ways = (
                _Way(self, up, self._client[0], self._server[1]),
                _Way(self, down, self._server[0], self._client[1]),
            )
            tasks = [asyncio.create_task(way.run()) for way in ways]
            reset = asyncio.create_task(self._reset_of(tasks))
            await asyncio.wait(tasks)
            reset.cancel()
        except OSError:
            self.reset()
        finally:
            await self._close()

    async def _reset_of(self, tasks: list[asyncio.Task[None]]) -> None:
        await self._closed.wait()
        for task in tasks:
            task.cancel()

    def reset(self) -> None:
        """Send RST to both sides."""
        for writer in self._writers():
            peer = writer.get_extra_info("socket")
            if peer is not None and not writer.transport.is_closing():
                with contextlib.suppress(OSError):
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._closed.set()

    def half_close(self, *, up: bool) -> None:
        """Send an end of stream to the client, or with *up* to the server; what follows that way is dropped."""
        self._deaf.add(self._links[0 if up else 1])
        writer = (self._server[1] if self._server else None) if up else self._client[1]
        if writer is not None and writer.can_write_eof() and not writer.transport.is_closing():
            writer.write_eof()

    def deaf(self, link: Link) -> bool:
        """Return whether bytes of that way are dropped, after a half-close."""
        return link in self._deaf

    def _writers(self) -> list[asyncio.StreamWriter]:
        return [pair[1] for pair in (self._client, self._server) if pair is not None]

    async def _close(self) -> None:
        for writer in self._writers():
            writer.close()
        for writer in self._writers():
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Way:
    """Carries the bytes of one direction of one connection."""

    def __init__(
        self, connection: Connection, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connection = connection
        self._link = link
        self._reader = reader
        self._writer = writer
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_HELD)
        self._generation = link.generation
        self._allowance = link.allowance
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        carrying = asyncio.create_task(self._carry())
        try:
            await self._receive()
            await carrying
        finally:
            carrying.cancel()

    async def _receive(self) -> None:
        due = 0.0
        while True:
            try:
                data = await self._reader.read(CHUNK)
            except ConnectionError:
                await self._reset_by_peer()
                return
            if self._link.swallows:
                self._connection.lost = True
                if not data:
                    await asyncio.Event().wait()  # the end does not arrive either
                continue
            due = max(due, self._loop.time() + self._link.delay())
            await self._queue.put((due, data))
            if not data:
                return

    async def _reset_by_peer(self) -> None:
        """Hand a reset on, unless nothing arrives on the other side."""
        if self._link.swallows:
            await asyncio.Event().wait()
        await self._link.passable()
        self._connection.reset()

    async def _carry(self) -> None:
        while True:
            due, data = await self._queue.get()
            await asyncio.sleep(due - self._loop.time())
            await self._link.passable()
            if not data:
                if self._writer.can_write_eof() and not self._connection.deaf(self._link):
                    with contextlib.suppress(OSError):  # the peer is gone already
                        self._writer.write_eof()
                return
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        while data:
            size = self._size(len(data))
            piece, data = data[:size], data[size:]
            if self._link.swallows:
                self._connection.lost = True
                return
            piece, ends = self._allowed(piece)
            if piece and not self._connection.deaf(self._link):
                self._writer.write(piece)
                await self._writer.drain()
            if ends:
                self._connection.reset()
                return
            if self._link.bandwidth:
                await asyncio.sleep(len(piece) / self._link.bandwidth)
            elif data:
                await asyncio.sleep(0)

    def _size(self, available: int) -> int:
        sizes = [available]
        if self._link.bandwidth:
            sizes.append(int(self._link.bandwidth / _TICK))
        if self._link.slice:
            sizes.append(self._link.slice)
        return max(1, min(sizes))

    def _allowed(self, piece: bytes) -> tuple[bytes, bool]:
        """Return what of *piece* may pass before the connection is cut, and whether it is then."""
        if self._generation != self._link.generation:
            self._generation, self._allowance = self._link.generation, self._link.allowance
        if self._link.allowance is None or self._allowance is None:
            return piece, False
        allowed, self._allowance = piece[: self._allowance], self._allowance - len(piece)
        return allowed, self._allowance <= 0

"""Listens for commands over TCP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nestpy_core import Serving

from ._context import Line
from ._module import LinesConfig

if TYPE_CHECKING:
    from ._edge import LinesEdge


class LinesTransport:
    """Listens while the app serves, and lets what runs finish at its end.

    Attributes:
        port: where it listens; 0 before it does.
    """

    name = "lines"

    def __init__(self, edge: LinesEdge) -> None:
        self.port = 0
        self._edge = edge
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, serving: Serving) -> None:
        """Listen until the drain, then wait for the commands that run."""
        config: LinesConfig = self._edge.graph.sections[LinesConfig]
        stopped = asyncio.ensure_future(serving.stopping.wait())

        def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._talk(reader, writer, stopped))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        server = await asyncio.start_server(connect, config.host, config.port, limit=config.max_line_bytes)
        self.port = server.sockets[0].getsockname()[1]
        serving.ready()
        try:
            await asyncio.shield(stopped)
            server.close()
            if self._connections:
                await asyncio.wait(self._connections)
        finally:
            server.close()
            for task in (stopped, *self._connections):
                task.cancel()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stopped: asyncio.Future[Any]
    ) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        try:
            while (line := await _next(reader, stopped)) is not None:
                command, _, arguments = line.strip().partition(b" ")
                call = self._edge.answer(Line(command.decode(errors="replace"), arguments or b"{}", peer))
                writer.write(await asyncio.create_task(call))
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def _next(reader: asyncio.StreamReader, stopped: asyncio.Future[Any]) -> bytes | None:
    """Return the next whole line; None when there is none, when it is too long, and once the app stops."""
    if stopped.done():
        return None
    reading = asyncio.ensure_future(reader.readline())
    try:
        await asyncio.wait((reading, stopped), return_when=asyncio.FIRST_COMPLETED)
        line = reading.result() if reading.done() else b""
        return line if line.endswith(b"\n") else None
    except ValueError:
        return None
    finally:
        reading.cancel()

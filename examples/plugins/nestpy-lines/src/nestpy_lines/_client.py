"""Sends commands to an app in this process, for tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from ._answers import Answer
from ._context import Line

if TYPE_CHECKING:
    from ._edge import LinesEdge

__all__ = ("LinesClient",)


class LinesClient:
    """Sends commands to an app in this process; nothing has to listen."""

    def __init__(self, edge: LinesEdge) -> None:
        self._edge = edge

    @property
    def port(self) -> int:
        """Where the app listens, if it does."""
        transport = self._edge.transport_of_run
        return 0 if transport is None else transport.port

    async def send(self, command: str, **arguments: Any) -> Answer:
        """Send one command; it runs in a copy of the caller's context, as over a socket."""
        line = Line(command, msgspec.json.encode(arguments))
        return read_answer(await asyncio.create_task(self._edge.answer(line)))


def read_answer(written: bytes) -> Answer:
    """Return the answer that a line holds."""
    status, _, value = written.strip().partition(b" ")
    return Answer(status.decode(), msgspec.json.decode(value))

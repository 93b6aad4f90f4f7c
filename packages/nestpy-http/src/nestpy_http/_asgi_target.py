"""What granian calls over ASGI, for an app with WebSockets: its start, its end, and each request in between."""

from __future__ import annotations

import asyncio
from typing import Any

from granian.constants import Interfaces

from ._asgi import Message, Receive, Send


class AsgiTarget:
    """The ASGI application that one embedded server calls.

    Args:
        answer: answers ``http`` and ``websocket`` scopes.

    Attributes:
        entered: set when the server starts.
    """

    interface = Interfaces.ASGI

    def __init__(self, answer: Any) -> None:  # an ASGI application
        self.entered = asyncio.Event()
        self._answer = answer
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # granian calls from one
        self._running.add(task)
        try:
            await self._answer(scope, receive, send)
        finally:
            self._running.discard(task)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        self.entered.set()
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def cancel(self) -> None:
        """Cancel what runs."""
        for task in self._running:
            task.cancel()

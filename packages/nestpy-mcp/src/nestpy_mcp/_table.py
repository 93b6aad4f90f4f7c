"""The servers of one app by path: the edge fills it when it is made, the endpoints read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._server import McpServer
    from ._transport import HttpTransport


class McpTable:
    """Servers by path, and what carries them over HTTP."""

    def __init__(self) -> None:
        self.servers: dict[str, McpServer] = {}
        self.transports: dict[str, HttpTransport] = {}

    async def admit(self) -> None:
        """Do nothing: guards stand before it."""

"""The servers of one app by path: the edge fills it when it is made, the endpoints read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._server import McpServer
    from ._stdio import Conversation
    from ._transport import HttpTransport


class McpTable:
    """Servers by path, and what carries them over HTTP and over stdio."""

    def __init__(self) -> None:
        self.servers: dict[str, McpServer] = {}
        self.transports: dict[str, HttpTransport] = {}
        self.conversations: list[Conversation] = []

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell the clients of this process that something changed, those that want it."""
        for transport in self.transports.values():
            transport.publish(method, params)
        for conversation in self.conversations:
            conversation.publish(method, params)

    async def admit(self) -> None:
        """Do nothing: guards stand before it."""

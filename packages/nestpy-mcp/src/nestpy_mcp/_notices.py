"""Tells connected clients that something changed."""

from __future__ import annotations

from typing import Literal

from nestpy_core import injectable

from ._table import McpTable

__all__ = ("McpNotices",)


@injectable
class McpNotices:
    """Tells clients of changes: those with a stream in this process that subscribed. Inject it anywhere."""

    table: McpTable

    def resource_updated(self, uri: str) -> None:
        """Tell who subscribed to *uri* that it should be read again."""
        self.table.publish("notifications/resources/updated", {"uri": uri})

    def list_changed(self, kind: Literal["tools", "prompts", "resources"]) -> None:
        """Tell every client that it should list tools, prompts or resources again."""
        self.table.publish(f"notifications/{kind}/list_changed", {})

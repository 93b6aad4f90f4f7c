"""The module that configures MCP; hosts are served without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nestpy_core import DynamicModule, dynamic, module

from ._config import McpConfig

__all__ = ("McpModule",)


@module(providers=[McpConfig], shared=True)
class McpModule:
    """Brings the settings of the MCP edge; import it once, in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of McpConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `McpConfig`, for instance ``hosts=["mcp.example.com"]``.
        """
        return dynamic(cls, settings={McpConfig: options})

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # returns fields of McpConfig
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `McpConfig` fields, all but ``authorization_servers``, ``max_result_bytes`` and ``page_size``.
        """
        return dynamic(cls, late={McpConfig: use_factory}, label="for_root_async")

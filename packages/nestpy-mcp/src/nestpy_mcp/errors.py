"""Every error that nestpy-mcp raises.

NestPyError
└── McpError                         anything this distribution refuses
    ├── ToolError                    a tool could not do its work, for a reason that the model may read
    ├── ResourceNotFoundError        there is no such resource
    ├── ClientCapabilityError        the client, or the transport, cannot be asked
    └── InputRequiredError           a handler waits for the client's answer to another request
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nestpy_core.errors import NestPyError

__all__ = ("ClientCapabilityError", "InputRequiredError", "McpError", "ResourceNotFoundError", "ToolError")


class McpError(NestPyError):
    """The base of every error that nestpy-mcp raises on purpose."""


class ToolError(McpError):
    """A tool could not do its work; its text becomes a result with ``isError``, which the model reads.

    Never put anything internal in it.
    """


class ResourceNotFoundError(McpError):
    """There is no such resource, or none that the caller may know of; raised by a `@resource` handler."""


class ClientCapabilityError(McpError):
    """The client offers no such thing (sampling, elicitation, roots), or no stream leads to it: see `McpRequest`."""


class InputRequiredError(McpError):
    """The call ends here and is made again with the client's answer (revision 2026-07-28); let it pass.

    Attributes:
        key: what the answer will be called.
        asked: method and parameters of what the client is asked.
    """

    def __init__(self, key: str, asked: Mapping[str, Any]) -> None:
        super().__init__(f"The handler waits for the client's answer `{key}`")
        self.key = key
        self.asked = asked

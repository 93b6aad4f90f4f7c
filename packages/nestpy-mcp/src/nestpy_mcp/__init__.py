"""MCP over Streamable HTTP and stdio: tools, prompts and resources declared like controllers."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client import McpClient as McpClient, McpRefusedError as McpRefusedError, McpTestClient as McpTestClient
    from ._config import McpConfig as McpConfig
    from ._content import (
        Audio as Audio, Content as Content, EmbeddedResource as EmbeddedResource, Image as Image,
        PromptMessage as PromptMessage, ResourceContent as ResourceContent, ResourceLink as ResourceLink, Text as Text,
        ToolResult as ToolResult,
    )
    from ._markers import completion as completion, mcp as mcp, prompt as prompt, resource as resource, tool as tool
    from ._module import McpModule as McpModule
    from ._notices import McpNotices as McpNotices
    from ._request import Elicitation as Elicitation, McpContext as McpContext, McpRequest as McpRequest
    from ._sessions import SessionRecord as SessionRecord, SessionStore as SessionStore
    from ._tokens import AccessToken as AccessToken, TokenActor as TokenActor, TokenGuard as TokenGuard
    from .errors import (
        ClientCapabilityError as ClientCapabilityError, InputRequiredError as InputRequiredError, McpError as McpError,
        ResourceNotFoundError as ResourceNotFoundError, ToolError as ToolError,
    )

__all__ = [
    "AccessToken", "Audio", "ClientCapabilityError", "Content", "Elicitation", "EmbeddedResource", "Image",
    "InputRequiredError", "McpClient", "McpConfig", "McpContext", "McpError", "McpModule", "McpNotices",
    "McpRefusedError", "McpRequest", "McpTestClient", "PromptMessage", "ResourceContent", "ResourceLink",
    "ResourceNotFoundError", "SessionRecord", "SessionStore", "Text", "TokenActor", "TokenGuard", "ToolError",
    "ToolResult", "completion", "mcp", "prompt", "resource", "tool",
]

_NAMES_OF_MODULES = {
    "_client": "McpClient McpRefusedError McpTestClient",
    "_config": "McpConfig",
    "_content": "Audio Content EmbeddedResource Image PromptMessage ResourceContent ResourceLink Text ToolResult",
    "_markers": "completion mcp prompt resource tool",
    "_module": "McpModule",
    "_notices": "McpNotices",
    "_request": "Elicitation McpContext McpRequest",
    "_sessions": "SessionRecord SessionStore",
    "_tokens": "AccessToken TokenActor TokenGuard",
    "errors": "ClientCapabilityError InputRequiredError McpError ResourceNotFoundError ToolError",
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF_NAME[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__

"""JSON-RPC 2.0 and the revisions of MCP: versions, codes, messages."""

from __future__ import annotations

from typing import Any

import msgspec

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The revisions that begin with ``initialize``."""
MODERN = ("2026-07-28",)
"""The revisions whose every request says all that is needed to answer it."""
ASSUMED = "2025-03-26"
"""What a request without ``MCP-Protocol-Version`` speaks (2025-06-18, transports, Protocol Version Header)."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32001
RESOURCE_NOT_FOUND = -32002
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
META_SERVER = "io.modelcontextprotocol/serverInfo"
META_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Of log messages (RFC 5424), the least urgent first."""

STATUS_OF_CODE = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
}
"""The HTTP statuses of errors in the revision without a handshake; earlier ones answer 200."""

encode = msgspec.json.encode


class RpcError(Exception):
    """What a request is answered with instead of a result; never leaves this distribution.

    Attributes:
        code: of JSON-RPC.
        message: what it says.
        data: what it says beside that.
        status: of HTTP; None for the one that the revision gives the code.
        headers: of HTTP.
    """

    def __init__(
        self,
        code: int,
        message: str,
        data: Any = None,  # any JSON
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers or {}

    def reply(self, request_id: Any) -> dict[str, Any]:  # a text or a number; None where it is not known
        """Return the message."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": request_id, "error": error}


def mapping(value: object) -> dict[str, Any]:
    """Return what a client sent where an object is due; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def is_id(value: object) -> bool:
    """Say whether a value can be the id of a request: a text or a whole number."""
    return (isinstance(value, str) and len(value) <= 1024) or (isinstance(value, int) and not isinstance(value, bool))


def check_message(message: object) -> dict[str, Any]:
    """Return a decoded message that is a request, a notification or a response.

    Raises:
        RpcError: it is none.
    """
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)
    if "method" in message:
        params = message.get("params", {})
        good = isinstance(message["method"], str) and isinstance(params, dict)
        if good and ("id" not in message or is_id(message["id"])):
            return message
    elif is_id(message.get("id")) and ("result" in message or "error" in message):
        return message
    raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)

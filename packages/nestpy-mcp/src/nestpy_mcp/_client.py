"""The test kit's MCP client: asks an app without a socket, in any revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nestpy_http import ClientResponse, HttpClient

from ._protocol import HANDSHAKE, META_CAPABILITIES, META_CLIENT, META_VERSION, MODERN
from .errors import McpError

__all__ = ("McpClient", "McpRefusedError", "McpTestClient")


class McpRefusedError(McpError):
    """A server answered with an error.

    Attributes:
        code: of JSON-RPC.
        data: what it says beside its message.
        status: of HTTP.
        headers: of HTTP, by lower-case name.
    """

    def __init__(self, error: Mapping[str, Any], response: ClientResponse) -> None:
        super().__init__(str(error.get("message")))
        self.code = error.get("code")
        self.data = error.get("data")
        self.status = response.status
        self.headers = response.headers


class McpTestClient:
    """Makes clients of one app: ``client = app.mcp()``."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def __call__(
        self, path: str = "/mcp", *, version: str = HANDSHAKE[-1], headers: Mapping[str, str] | None = None
    ) -> McpClient:
        """Return a client of the server at *path*.

        Args:
            path: of the server.
            version: the revision that it speaks.
            headers: of every request, for instance ``authorization``.
        """
        return McpClient(self._http, path, version, headers or {})


class McpClient:
    """Speaks to one server.

    Attributes:
        session: the id of its session, once a stateful server has given it one.
        notifications: what came beside the results, in order.
    """

    def __init__(self, http: HttpClient, path: str, version: str, headers: Mapping[str, str]) -> None:
        self._http = http
        self._path = path
        self._version = version
        self._headers = dict(headers)
        self._number = 0
        self.session: str | None = None
        self.notifications: list[dict[str, Any]] = []

    async def initialize(self, capabilities: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Shake hands, and keep the session where there is one.

        Raises:
            McpRefusedError: the server refuses.
        """
        client = {"name": "nestpy-testing", "version": "0"}
        params = {"protocolVersion": self._version, "capabilities": dict(capabilities or {}), "clientInfo": client}
        result, response = await self._send("initialize", params)
        self.session = response.headers.get("mcp-session-id")
        await self.notify("notifications/initialized")
        return result

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call a tool and return its result.

        Raises:
            McpRefusedError: the server answers with an error.
        """
        return await self.call("tools/call", {"name": name, "arguments": dict(arguments or {})})

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return a prompt; errors as `call_tool`."""
        return await self.call("prompts/get", {"name": name, "arguments": dict(arguments or {})})

    async def read_resource(self, uri: str) -> dict[str, Any]:
        """Return a resource; errors as `call_tool`."""
        return await self.call("resources/read", {"uri": uri})

    async def tools(self) -> list[dict[str, Any]]:
        """Return the tools of every page; errors as `call_tool`."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.call("tools/list", {} if cursor is None else {"cursor": cursor})
            found += page["tools"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return found

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send any request and return its result.

        Raises:
            McpRefusedError: the server answers with an error.
        """
        return (await self._send(method, dict(params or {})))[0]

    async def notify(self, method: str, params: Mapping[str, Any] | None = None) -> ClientResponse:
        """Send a notification."""
        return await self.post({"jsonrpc": "2.0", "method": method, "params": dict(params or {})})

    async def post(self, message: Any, **headers: str) -> ClientResponse:  # any JSON
        """Post any message, or what is none, and return the answer of HTTP."""
        given = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self._version,
            **self._headers,
            **({"mcp-session-id": self.session} if self.session else {}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        body = message if isinstance(message, bytes) else msgspec.json.encode(message)
        return await self._http.post(self._path, content=body, headers=given)

    async def _send(self, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], ClientResponse]:
        self._number += 1
        mirrors: dict[str, str] = {}
        if self._version in MODERN:
            meta = {
                META_VERSION: self._version,
                META_CAPABILITIES: {"elicitation": {}, "sampling": {}, "roots": {}},
                META_CLIENT: {"name": "nestpy-testing", "version": "0"},
            }
            params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
            mirrors = {"mcp_method": method}
            named = params.get("name") or params.get("uri")
            if method in ("tools/call", "prompts/get", "resources/read") and named:
                mirrors["mcp_name"] = str(named)
        response = await self.post(
            {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}, **mirrors
        )
        for message in messages_of(response):
            if message.get("id") == self._number and "method" not in message:
                if "error" in message:
                    raise McpRefusedError(message["error"], response)
                return message["result"], response
            if "error" in message and message.get("id") is None:
                raise McpRefusedError(message["error"], response)
            self.notifications.append(message)
        raise McpRefusedError({"message": f"HTTP {response.status} without an answer"}, response)


def messages_of(response: ClientResponse) -> list[dict[str, Any]]:
    """Return the messages of an answer: a document or an event stream."""
    kind = response.headers.get("content-type") or ""
    if kind.startswith("text/event-stream"):
        datas = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
        return [msgspec.json.decode(data) for data in datas if data]
    if not kind.startswith("application/json"):
        return []
    found = msgspec.json.decode(response.content)
    return found if isinstance(found, list) else [found]

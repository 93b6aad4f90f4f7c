"""One MCP server: the entries of all hosts on one path, who may see them, and what answers each method."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nestpy_core import Denial

from ._config import McpConfig
from ._entries import Entry
from ._markers import McpMarker
from ._operation_code import refusal_of
from ._protocol import (
    HANDSHAKE,
    INVALID_PARAMS,
    LEVELS,
    META_SERVER,
    METHOD_NOT_FOUND,
    MODERN,
    RpcError,
)
from ._request import SILENT, Channel, McpRequest
from ._sessions import SessionRecord

Door = Callable[[McpRequest], Awaitable[Any]] | None
LISTS = {
    "tools/list": ("tool", "tools"),
    "prompts/list": ("prompt", "prompts"),
    "resources/list": ("resource", "resources"),
    "resources/templates/list": ("template", "resourceTemplates"),
}
CACHED = frozenset({*LISTS, "resources/read", "server/discover"})
MAX_COMPLETIONS = 100


class Exchange:
    """Where a message came from, and what leads back.

    Attributes:
        version: the revision that is spoken.
        headers: of HTTP, by lower-case name.
        channel: leads to the client while a request runs.
        session: of a stateful server.
        client: who asks, where no session knows it.
        capabilities: what the client offers, where no session knows it.
        resource: the server's own URL.
        issuer: who gave the caller's token, and
        client_id: the OAuth client that it was given to; known once the caller has been admitted.
    """

    __slots__ = (
        "capabilities",
        "channel",
        "client",
        "client_id",
        "headers",
        "issuer",
        "resource",
        "session",
        "version",
    )

    def __init__(
        self,
        version: str,
        headers: Mapping[str, str],
        channel: Channel = SILENT,
        session: SessionRecord | None = None,
        resource: str = "",
    ) -> None:
        self.resource = resource
        self.issuer = self.client_id = ""
        self.version = version
        self.headers = headers
        self.channel = channel
        self.session = session
        self.client: Mapping[str, Any] = session.client if session else {}
        self.capabilities: Mapping[str, Any] = session.capabilities if session else {}

    def request(self, method: str, params: dict[str, Any]) -> McpRequest:
        """Return one operation of it."""
        session = self.session
        return McpRequest(
            method,
            params,
            self.version,
            self.headers,
            self.channel,
            session.id if session else None,
            self.client,
            self.capabilities,
            session.level if session else "info",
            self.resource,
        )


class McpServer:
    """What answers at one path."""

    def __init__(self, path: str, config: McpConfig) -> None:
        self.path = path
        self.config = config
        self.info: dict[str, Any] = {"name": "nestpy", "version": "0.0.0"}
        self.instructions: str | None = None
        self.stateful = False
        self.entries: dict[str, list[Entry]] = {}
        self.doors: list[Door] = []
        self._by_key: dict[tuple[str, str], Entry] = {}

    # -- what it is made of

    def identify(self, marker: McpMarker) -> None:
        """Take what a host says of the server."""
        given = {"name": marker.name, "title": marker.title, "version": marker.version}
        self.info.update({name: value for name, value in given.items() if value is not None})
        self.instructions = marker.instructions or self.instructions
        self.stateful = self.stateful or bool(marker.stateful)

    def add(self, entry: Entry) -> Entry | None:
        """Take in an entry; return the one that has its name already."""
        kind = entry.kind if entry.kind != "template" else "resource"
        known = self._by_key.setdefault((kind, entry.key), entry)
        if known is not entry:
            return known
        self.entries.setdefault(entry.kind, []).append(entry)
        return None

    def capabilities(self, version: str, *, lasting: bool) -> dict[str, Any]:
        """Return what the server offers in a revision; a *lasting* conversation is told of changes."""
        found: dict[str, Any] = {"logging": {}}
        changes = {"listChanged": True} if lasting else {}
        if "tool" in self.entries:
            found["tools"] = dict(changes)
        if "prompt" in self.entries:
            found["prompts"] = dict(changes)
        if "resource" in self.entries or "template" in self.entries:
            found["resources"] = {**changes, **({"subscribe": True} if lasting else {})}
        if "completion" in self.entries and version != "2024-11-05":
            found["completions"] = {}
        return found

    # -- who may see it

    async def admitted(self, request: McpRequest) -> set[int]:
        """Return the doors that are open to whoever asks.

        Raises:
            RpcError: none is: the refusal of the first.
        """
        open_doors: set[int] = set()
        refusal: RpcError | None = None
        for number, door in enumerate(self.doors):
            result = await door(request) if door is not None else refusal_of(Denial.unauthorized())
            if isinstance(result, RpcError):
                refusal = refusal or result
            else:
                open_doors.add(number)
        if not open_doors:
            raise refusal or refusal_of(Denial.unauthorized())
        return open_doors

    # -- requests

    def entry_of(self, method: str, params: Mapping[str, Any]) -> Entry | None:
        """Return the entry that a request is for, where it is for one."""
        if method == "tools/call":
            return self._by_key.get(("tool", str(params.get("name"))))
        if method == "prompts/get":
            return self._by_key.get(("prompt", str(params.get("name"))))
        if method == "resources/read":
            return self._resource(str(params.get("uri")))
        if method == "completion/complete":
            return self._completion(params)
        return None

    def _resource(self, uri: str) -> Entry | None:
        known = self._by_key.get(("resource", uri))
        if known is not None and known.kind == "resource":
            return known
        return next((entry for entry in self.entries.get("template", ()) if entry.match(uri) is not None), None)

    def _completion(self, params: Mapping[str, Any]) -> Entry | None:
        ref, argument = params.get("ref"), params.get("argument")
        if not isinstance(ref, dict) or not isinstance(argument, dict):
            raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {"ref": [_REQUIRED], "argument": [_REQUIRED]}})
        of = ref.get("name") if ref.get("type") == "ref/prompt" else ref.get("uri")
        return self._by_key.get(("completion", f"{of} {argument.get('name')}"))

    async def handle(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """Return the result of a request.

        Raises:
            RpcError: it is refused, or nothing answers it.
        """
        request = exchange.request(method, params)
        entry = self.entry_of(method, params)
        if entry is None:
            result = await self._own(method, params, request, exchange)
        else:
            result = await self._called(entry, request)
        if exchange.version in MODERN:
            result = {"resultType": "complete", **result}
            result["_meta"] = {**result.get("_meta", {}), META_SERVER: self.info}
            if method in CACHED:
                result = {"ttlMs": 0, "cacheScope": "private", **result}
        return result

    async def _called(self, entry: Entry, request: McpRequest) -> dict[str, Any]:
        if self.doors[entry.door] is None:
            raise refusal_of(Denial.unauthorized())
        result = await entry.function(request)
        if isinstance(result, RpcError):
            raise result
        found: dict[str, Any] = result
        return found

    async def _own(
        self, method: str, params: dict[str, Any], request: McpRequest, exchange: Exchange
    ) -> dict[str, Any]:
        open_doors = await self.admitted(request)
        exchange.issuer, exchange.client_id = request.issuer, request.client_id
        if method in LISTS:
            return self._listed(*LISTS[method], params, open_doors)
        if method in ("initialize", "ping", "logging/setLevel") and exchange.version not in MODERN:
            return self._handshake(method, params, exchange)
        if method == "server/discover":
            return self._discovered(exchange.version)
        if method in ("resources/subscribe", "resources/unsubscribe") and exchange.session is not None:
            return self._subscribed(method, params, exchange.session)
        if method == "completion/complete":
            return {"completion": {"values": [], "hasMore": False}}
        if method in ("tools/call", "prompts/get"):
            raise RpcError(INVALID_PARAMS, "Unknown tool" if method == "tools/call" else "Unknown prompt")
        if method == "resources/read":
            code = INVALID_PARAMS if exchange.version in MODERN else -32002
            raise RpcError(code, "Resource not found", {"uri": params.get("uri")})
        raise RpcError(METHOD_NOT_FOUND, "Method not found")

    def _handshake(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        if method == "ping":
            return {}
        if method == "logging/setLevel":
            if params.get("level") not in LEVELS:
                raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {"level": [_ENUM]}})
            if exchange.session is not None:
                exchange.session.level = params["level"]
            return {}
        asked = params.get("protocolVersion")
        if not isinstance(asked, str):
            raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {"protocolVersion": [_REQUIRED]}})
        version = asked if asked in HANDSHAKE else HANDSHAKE[-1]
        offered = self.capabilities(version, lasting=self.stateful or exchange.session is not None)
        result = {"protocolVersion": version, "capabilities": offered, "serverInfo": self.info}
        return {**result, "instructions": self.instructions} if self.instructions else result

    def _discovered(self, version: str) -> dict[str, Any]:
        offered = self.capabilities(version, lasting=True)
        found = {"supportedVersions": [*MODERN, *reversed(HANDSHAKE)], "capabilities": offered}
        return {**found, "instructions": self.instructions} if self.instructions else found

    def _subscribed(self, method: str, params: dict[str, Any], session: SessionRecord) -> dict[str, Any]:
        uri = params.get("uri")
        if not isinstance(uri, str) or self._resource(uri) is None:
            raise RpcError(-32002, "Resource not found", {"uri": uri})
        others = [one for one in session.subscriptions if one != uri]
        session.subscriptions = [*others, uri][-1000:] if method == "resources/subscribe" else others
        return {}

    def _listed(self, kind: str, key: str, params: Mapping[str, Any], open_doors: set[int]) -> dict[str, Any]:
        seen = [entry.listed for entry in self.entries.get(kind, ()) if entry.door in open_doors]
        start, size = _offset(params.get("cursor"), len(seen)), self.config.page_size
        page: dict[str, Any] = {key: seen[start : start + size]}
        if start + size < len(seen):
            page["nextCursor"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        return page


_REQUIRED = {"code": "required", "message": "This field is required"}
_ENUM = {"code": "enum", "message": "Invalid enum value"}


def _offset(cursor: Any, count: int) -> int:
    if cursor is None:
        return 0
    try:
        found = int(base64.urlsafe_b64decode(cursor if isinstance(cursor, str) else "?"))
    except (ValueError, binascii.Error):
        found = -1
    if not 0 < found < max(count, 1):
        raise RpcError(
            INVALID_PARAMS, "Invalid params", {"errors": {"cursor": [{"code": "invalid", "message": "Unknown cursor"}]}}
        )
    return found

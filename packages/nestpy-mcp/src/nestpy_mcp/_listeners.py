"""Who listens for changes without a session: `subscriptions/listen` of the revision 2026-07-28."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from nestpy_http import StreamResponse

from ._config import McpConfig
from ._protocol import INVALID_PARAMS, META_SUBSCRIPTION, RpcError, encode
from ._streams import SSE_HEADERS, SSE_TYPE, Stream

LISTENS = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}
MAX_URIS = 1000


class Listeners:
    """The open subscriptions of one server in this process."""

    def __init__(self, config: McpConfig, draining: Callable[[], bool]) -> None:
        self._config = config
        self._draining = draining
        self._open: dict[Stream, tuple[frozenset[str], frozenset[str], Any]] = {}

    def listen(self, message: dict[str, Any]) -> StreamResponse:
        """Answer with a stream of what the client names.

        Raises:
            RpcError: it names nothing.
        """
        return StreamResponse(self._until_gone(self.open(message)), headers=SSE_HEADERS, media_type=SSE_TYPE)

    def open(self, message: dict[str, Any]) -> Stream:
        """Return a stream of what the client names, for `close`.

        Raises:
            RpcError: it names nothing.
        """
        wanted = message.get("params", {}).get("notifications")
        if not isinstance(wanted, dict):
            failure = {"code": "required", "message": "This field is required"}
            raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {"notifications": [failure]}})
        honored: dict[str, Any] = {name: True for name in LISTENS if wanted.get(name) is True}
        uris = wanted.get("resourceSubscriptions")
        if isinstance(uris, list) and all(isinstance(uri, str) for uri in uris):
            honored["resourceSubscriptions"] = uris[:MAX_URIS]
        stream = Stream("listen", self._config.events_kept)
        acknowledged = {"notifications": honored, "_meta": {META_SUBSCRIPTION: message["id"]}}
        stream.put({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": acknowledged})
        methods = frozenset(LISTENS[name] for name in honored if name in LISTENS)
        self._open[stream] = (methods, frozenset(honored.get("resourceSubscriptions", ())), message["id"])
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream."""
        del self._open[stream]

    async def _until_gone(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in stream.sse(0, self._config.keep_alive, self._draining, ids=False):
                yield chunk
            number = self._open[stream][2]
            result = {"resultType": "complete", "_meta": {META_SUBSCRIPTION: number}}
            yield b"event: message\ndata: " + encode({"jsonrpc": "2.0", "id": number, "result": result}) + b"\n\n"
        finally:
            self.close(stream)

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell those who named it that something changed."""
        for stream, (methods, uris, number) in self._open.items():
            if method in methods or params.get("uri") in uris:
                meta = {META_SUBSCRIPTION: number}
                stream.put({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}})

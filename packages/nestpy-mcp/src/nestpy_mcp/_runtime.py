"""What carries the servers of a running app: their sessions, and one HTTP transport for each path."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nestpy_core import AppStatus, injectable, on_module_destroy
from nestpy_http import Request, Response

from ._config import McpConfig, redis_url_of
from ._guarded import Checks, resource_of
from ._sessions import MemorySessions, SessionStore
from ._table import McpTable
from ._transport import HttpTransport
from .errors import McpError


async def open_store(config: McpConfig) -> AsyncIterator[SessionStore]:
    """Open what the settings name, for the life of the app.

    Raises:
        ConfigurationError: the settings name no Redis.
        McpError: its client is not installed.
    """
    url = redis_url_of(config)
    store: SessionStore = MemorySessions() if url is None else _redis_sessions(url)
    try:
        yield store
    finally:
        await store.close()


def _redis_sessions(url: str) -> SessionStore:
    try:
        from ._redis import RedisSessions
    except ImportError as error:
        raise McpError(
            "Setting `mcp.session_store` is `redis`, and the package `redis` is not installed.\n"
            "Hint: pip install 'nestpy-mcp[redis]'"
        ) from error
    return RedisSessions(url)


@injectable
class McpRuntime:
    """The running servers of one app."""

    table: McpTable
    config: McpConfig
    store: SessionStore
    status: AppStatus

    def transport(self, path: str) -> HttpTransport:
        """Return what carries the server at *path*."""
        found = self.table.transports.get(path)
        if found is None or found.held.store is not self.store:
            server = self.table.servers[path]
            found = HttpTransport(server, self.store, Checks(self.config), self._draining)
            self.table.transports[path] = found
        return found

    def _draining(self) -> bool:
        return self.status.draining

    def metadata(self, path: str, request: Request) -> Response:
        """Answer with the metadata of the server at *path* (RFC 9728); 404 where tokens come from nowhere."""
        config = self.config
        if path not in self.table.servers or not config.authorization_servers:
            return Response({"error": "not_found"}, 404)
        document = {
            "resource": resource_of(config, request, path),
            "authorization_servers": list(config.authorization_servers),
            "bearer_methods_supported": ["header"],
            **({"scopes_supported": list(config.scopes)} if config.scopes else {}),
        }
        return Response(document, headers={"cache-control": "no-store", "access-control-allow-origin": "*"})

    @on_module_destroy
    async def end(self) -> None:
        """End every session that this process holds."""
        for transport in self.table.transports.values():
            transport.end()
        self.table.transports.clear()

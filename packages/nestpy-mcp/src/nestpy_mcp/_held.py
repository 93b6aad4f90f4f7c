"""The sessions that this process holds: who may use one, its streams and what runs in it."""

from __future__ import annotations

from time import monotonic
from typing import Any

import msgspec

from nestpy_core import current_actor
from nestpy_http import Request

from ._guarded import resource_of
from ._protocol import INVALID_REQUEST, REFUSED, RpcError, mapping
from ._server import Exchange, McpServer
from ._sessions import SessionRecord, SessionStore
from ._streams import Live

ANONYMOUS = 10
"""How many times more sessions than one caller all anonymous ones together may hold."""


class HeldSessions:
    """Opens and finds the sessions of one server."""

    def __init__(self, server: McpServer, store: SessionStore) -> None:
        self.store = store
        self._server = server
        self._config = server.config
        self._lives: dict[str, Live] = {}
        self._records: dict[str, SessionRecord] = {}
        self._used: dict[str, float] = {}

    async def open(self, params: dict[str, Any], version: str, exchange: Exchange) -> SessionRecord:
        """Return a new session of whoever acts.

        Raises:
            RpcError: who holds too many.
        """
        from secrets import token_urlsafe  # it loads OpenSSL: only servers with sessions pay for it

        record = SessionRecord(
            id=token_urlsafe(32),
            principal=_principal(exchange.issuer),
            path=self._server.path,
            version=version,
            client_id=exchange.client_id,
            client=mapping(params.get("clientInfo")),
            capabilities=mapping(params.get("capabilities")),
        )
        cap = self._config.sessions_per_principal * (1 if record.principal else ANONYMOUS)
        if not await self.store.create(record, idle=self._config.session_idle, cap=cap):
            raise RpcError(REFUSED, "Too many sessions", status=429, headers={"retry-after": "60"})
        self._use(record)
        return record

    async def of(self, request: Request, version: str) -> SessionRecord:
        """Return the caller's session; one that belongs to somebody else is as unknown as any other.

        Raises:
            RpcError: the caller is not admitted, or has no such session.
        """
        found = request.headers.get_all("mcp-session-id")
        resource = resource_of(self._config, request, self._server.path)
        admitted = Exchange(version, request.headers, resource=resource).request("session", {})
        await self._server.admitted(admitted)
        if len(found) != 1:
            raise RpcError(INVALID_REQUEST, "Mcp-Session-Id is required", status=400)
        record = await self.store.get(str(found[0]), idle=self._config.session_idle)
        if record is None:
            self.forget(str(found[0]))
        whose = _principal(admitted.issuer), admitted.client_id, self._server.path
        if record is None or (record.principal, record.client_id, record.path) != whose:
            raise RpcError(REFUSED, "Session not found", status=404)
        self._use(record)
        return record

    def _use(self, record: SessionRecord) -> None:
        """Remember a session as the one used last, and forget those that nobody used for too long."""
        now = monotonic()
        self._used.pop(record.id, None)
        self._used[record.id] = now
        self._records[record.id] = record
        while self._used and now - (latest := next(iter(self._used.items())))[1] > self._config.session_idle:
            self.forget(latest[0])

    async def save(self, record: SessionRecord) -> None:
        """Keep what has changed of a session."""
        await self.store.save(record, idle=self._config.session_idle)

    async def close(self, record: SessionRecord) -> None:
        """End a session."""
        await self.store.delete(record.id)
        self.forget(record.id)

    def live(self, record: SessionRecord) -> Live:
        """Return what runs in a session here."""
        found = self._lives.get(record.id)
        if found is None:
            found = self._lives[record.id] = Live(self._config.events_kept)
        return found

    def forget(self, session_id: str) -> None:
        """Let go of what this process holds of a session."""
        self._records.pop(session_id, None)
        self._used.pop(session_id, None)
        live = self._lives.pop(session_id, None)
        if live is not None:
            live.end()

    def taken_up(self, request: Request, record: SessionRecord) -> tuple[str, int]:
        """Return which stream a client takes up, and the number of the last message that it has.

        Raises:
            RpcError: it names what cannot be an event.
        """
        last = request.headers.get("last-event-id")
        if last is None:
            return "0", self.live(record).own.count
        name, dot, number = str(last).partition(".")
        if not dot or not (number.isascii() and number.isdecimal()) or len(number) > 12:
            raise RpcError(INVALID_REQUEST, "Unknown event", status=400)
        return name, int(number)

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell the sessions that want it that something changed."""
        uri = params.get("uri")
        for session_id, live in self._lives.items():
            record = self._records.get(session_id)
            if record is not None and (uri is None or uri in record.subscriptions):
                live.own.put({"jsonrpc": "2.0", "method": method, "params": params})

    def end(self) -> None:
        """End every session of this process."""
        for session_id in list(self._lives):
            self.forget(session_id)


def _principal(issuer: str) -> str:
    """Return who acts; two issuers may give one subject to two people."""
    actor = current_actor()
    return "" if actor is None else msgspec.json.encode((type(actor).__name__, str(actor.id), issuer)).decode()

"""Sessions of stateful servers: what is remembered of each, where, and for whom."""

from __future__ import annotations

from time import monotonic
from typing import Any, Protocol

import msgspec

__all__ = ("SessionRecord", "SessionStore")


class SessionRecord(msgspec.Struct, kw_only=True):
    """What a session is, wherever it is kept.

    Attributes:
        id: 256 random bits from the operating system.
        principal: the actor who opened it, with the issuer of the token; nobody else may use it. Empty for an anonymous
            caller.
        path: of the server.
        version: the revision that was agreed on.
        client_id: the OAuth client that opened it for the principal; no other may use it. Empty without one.
        client: name and version of the client.
        capabilities: what the client offers.
        level: the least urgent log messages that it wants.
        subscriptions: the resources whose changes it is told of.
    """

    id: str
    principal: str
    path: str
    version: str
    client_id: str = ""
    client: dict[str, Any] = {}
    capabilities: dict[str, Any] = {}
    level: str = "info"
    subscriptions: list[str] = []


class SessionStore(Protocol):
    """Keeps sessions until they have been idle for too long.

    To keep them elsewhere bind another under this token, in a module that is shared and imported at the root.
    """

    async def create(self, record: SessionRecord, *, idle: float, cap: int) -> bool:
        """Keep a new session; False when the principal holds *cap* already."""
        ...

    async def get(self, session_id: str, *, idle: float) -> SessionRecord | None:
        """Return a session and prolong it; None where there is none."""
        ...

    async def save(self, record: SessionRecord, *, idle: float) -> None:
        """Keep what has changed of a session."""
        ...

    async def delete(self, session_id: str) -> None:
        """Forget a session."""
        ...

    async def put_answer(self, session_id: str, answer: dict[str, Any]) -> None:
        """Pass on a client's answer that another process waits for; nothing happens where there is none."""
        ...

    async def take_answer(self, session_id: str, number: str, *, timeout: float) -> dict[str, Any] | None:
        """Wait for the answer to what a client was asked; None where answers come to this process alone."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MemorySessions:
    """Keeps the sessions of one process."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[SessionRecord, float]] = {}
        self._held: dict[tuple[str, str], set[str]] = {}

    async def create(self, record: SessionRecord, *, idle: float, cap: int) -> bool:
        """Keep a new session, once those that are over have gone."""
        self._expire()
        held = self._held.setdefault((record.path, record.principal), set())
        if len(held) >= cap:
            return False
        held.add(record.id)
        self._records[record.id] = (record, monotonic() + idle)
        return True

    async def get(self, session_id: str, *, idle: float) -> SessionRecord | None:
        """Return a session and prolong it; the one that is used last stands last, so that expiry looks at few."""
        found = self._records.pop(session_id, None)
        if found is None:
            return None
        if found[1] < monotonic():
            self._forget(found[0])
            return None
        self._records[session_id] = (found[0], monotonic() + idle)
        return found[0]

    async def save(self, record: SessionRecord, *, idle: float) -> None:
        """Keep what has changed."""
        if record.id in self._records:
            self._records[record.id] = (record, monotonic() + idle)

    async def delete(self, session_id: str) -> None:
        """Forget a session."""
        found = self._records.pop(session_id, None)
        if found is not None:
            self._forget(found[0])

    async def put_answer(self, session_id: str, answer: dict[str, Any]) -> None:
        """Drop it: nobody else waits."""

    async def take_answer(self, session_id: str, number: str, *, timeout: float) -> dict[str, Any] | None:
        """Return None: answers come to this process."""
        return None

    async def close(self) -> None:
        """Nothing is open."""

    def _expire(self) -> None:
        now = monotonic()
        while self._records:
            oldest = next(iter(self._records))
            record, until = self._records[oldest]
            if until >= now:
                return
            del self._records[oldest]
            self._forget(record)

    def _forget(self, record: SessionRecord) -> None:
        held = self._held.get((record.path, record.principal))
        if held is not None:
            held.discard(record.id)
            if not held:
                del self._held[record.path, record.principal]

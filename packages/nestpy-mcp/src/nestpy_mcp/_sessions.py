"""Sessions of stateful servers: what is remembered of each, where, and for whom."""

from __future__ import annotations

import time
from typing import Any, Protocol

import msgspec

__all__ = ("SessionRecord", "SessionStore")


class SessionRecord(msgspec.Struct, kw_only=True):
    """What a session is, wherever it is kept.

    Attributes:
        id: 256 random bits from the operating system.
        principal: the actor who opened it; nobody else may use it. Empty for an anonymous caller.
        path: of the server.
        version: the revision that was agreed on.
        client: name and version of the client.
        capabilities: what the client offers.
        level: the least urgent log messages that it wants.
        subscriptions: the resources whose changes it is told of.
    """

    id: str
    principal: str
    path: str
    version: str
    client: dict[str, Any] = {}
    capabilities: dict[str, Any] = {}
    level: str = "info"
    subscriptions: list[str] = []


class SessionStore(Protocol):
    """Keeps sessions until they have been idle for too long. Bind another under this token to keep them elsewhere."""

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
        self._records[record.id] = (record, time.monotonic() + idle)
        return True

    async def get(self, session_id: str, *, idle: float) -> SessionRecord | None:
        """Return a session and prolong it; the one that is used last stands last, so that expiry looks at few."""
        found = self._records.pop(session_id, None)
        if found is None:
            return None
        if found[1] < time.monotonic():
            self._forget(found[0])
            return None
        self._records[session_id] = (found[0], time.monotonic() + idle)
        return found[0]

    async def save(self, record: SessionRecord, *, idle: float) -> None:
        """Keep what has changed."""
        if record.id in self._records:
            self._records[record.id] = (record, time.monotonic() + idle)

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
        now = time.monotonic()
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


class RedisSessions:
    """Keeps sessions in Redis, so that every process knows them."""

    def __init__(self, url: str, prefix: str = "nestpy:mcp:") -> None:
        from redis.asyncio import Redis

        self._redis: Any = Redis.from_url(url)
        self._prefix = prefix

    def _held(self, record: SessionRecord) -> str:
        return f"{self._prefix}held:{record.path}:{record.principal}"

    async def create(self, record: SessionRecord, *, idle: float, cap: int) -> bool:
        """Keep a new session; those that are over stop counting."""
        now = time.time()
        held = self._held(record)
        await self._redis.zremrangebyscore(held, 0, now)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(held, {record.id: now + idle})
            pipe.zcard(held)
            pipe.expire(held, int(idle) + 1)
            count = (await pipe.execute())[1]
        if count > cap:
            await self._redis.zrem(held, record.id)
            return False
        await self.save(record, idle=idle)
        return True

    async def get(self, session_id: str, *, idle: float) -> SessionRecord | None:
        """Return a session and prolong it."""
        found = await self._redis.getex(f"{self._prefix}{session_id}", px=int(idle * 1000))
        if found is None:
            return None
        record = msgspec.json.decode(found, type=SessionRecord)
        await self._redis.zadd(self._held(record), {record.id: time.time() + idle})
        return record

    async def save(self, record: SessionRecord, *, idle: float) -> None:
        """Keep what has changed."""
        await self._redis.set(f"{self._prefix}{record.id}", msgspec.json.encode(record), px=int(idle * 1000))

    async def delete(self, session_id: str) -> None:
        """Forget a session."""
        found = await self._redis.getdel(f"{self._prefix}{session_id}")
        if found is not None:
            await self._redis.zrem(self._held(msgspec.json.decode(found, type=SessionRecord)), session_id)

    def _answer(self, session_id: str, number: str) -> str:
        return f"{self._prefix}answer:{session_id}:{number[:64]}"

    async def put_answer(self, session_id: str, answer: dict[str, Any]) -> None:
        """Leave it for a minute where its process looks for it."""
        key = self._answer(session_id, str(answer["id"]))
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(key, msgspec.json.encode(answer))
            pipe.expire(key, 60)
            await pipe.execute()

    async def take_answer(self, session_id: str, number: str, *, timeout: float) -> dict[str, Any] | None:
        """Look for it, a connection for as long as that takes."""
        found = await self._redis.blpop([self._answer(session_id, number)], timeout=timeout)
        return None if found is None else msgspec.json.decode(found[1], type=dict[str, Any])

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

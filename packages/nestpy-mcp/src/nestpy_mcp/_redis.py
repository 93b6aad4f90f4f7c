"""Sessions in Redis, which every process of a stateful server knows."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from ._sessions import SessionRecord


class RedisSessions:
    """Keeps sessions in Redis, so that every process knows them."""

    def __init__(self, url: str, prefix: str = "nestpy:mcp:") -> None:
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

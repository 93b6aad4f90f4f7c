"""Who runs an occurrence: the one process, or whoever claims it first in Redis."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nestpy_core import Batch, ConfigurationError

__all__ = ("MemoryOccurrences", "RedisOccurrences")


class MemoryOccurrences:
    """The occurrences of one process, which shares them with nobody."""

    shared = False

    def __init__(self) -> None:
        self._latest: dict[str, datetime] = {}
        self._held: dict[str, tuple[str, float]] = {}

    async def claim(self, key: str, due: datetime, *, keep: float, holder: str = "", lease: float = 0.0) -> bool:
        """Grant it unless it was the last one granted: a clock that is set back lives times twice, and runs them."""
        del keep, holder, lease
        granted = self._latest.get(key) != due
        self._latest[key] = due
        return granted

    async def renew(self, key: str, due: datetime, holder: str, *, lease: float) -> bool:
        """Return True: nobody else could have it."""
        del key, due, holder, lease
        return True

    async def settle(self, key: str, due: datetime, holder: str) -> bool:
        """Return True: nobody else could have it."""
        del key, due, holder
        return True

    async def take_over(self, key: str, holder: str, *, lease: float) -> datetime | None:
        """Return None: what is open here dies with the process."""
        del key, holder, lease
        return None

    async def latest(self, key: str) -> datetime | None:
        """Return the latest occurrence that was granted."""
        return self._latest.get(key)

    async def hold(self, key: str, holder: str, *, lease: float) -> bool:
        """Grant it to one holder until it is freed or the lease is over."""
        known, until = self._held.get(key, (holder, 0.0))
        if known != holder and until > time.monotonic():
            return False
        self._held[key] = holder, time.monotonic() + lease
        return True

    async def free(self, key: str, holder: str) -> None:
        """Give it back."""
        if self._held.get(key, ("", 0.0))[0] == holder:
            del self._held[key]

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


# The client may send a claim again whose answer got lost: it is known by its mark.
_CLAIM = """
if not redis.call('SET', KEYS[1], ARGV[3], 'NX', 'PX', ARGV[2]) then
  return redis.call('GET', KEYS[1]) == ARGV[3] and 1 or 0
end
local known = redis.call('GET', KEYS[2])
if not known or tonumber(known) < tonumber(ARGV[1]) then redis.call('SET', KEYS[2], ARGV[1]) end
if ARGV[4] ~= '' then
  local clock = redis.call('TIME')
  redis.call('HSET', KEYS[3], ARGV[1], clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[5] .. ':' .. ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
return 1
"""
# Of a hash with the open occurrences of one schedule: when each lease is over, and who has it.
_OPEN = """
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function parts(value) return tonumber(string.match(value, '^%d+')), string.match(value, ':(.*)') end
"""
_CLOSE = (
    _OPEN
    + """
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or select(2, parts(known)) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], NOW + ARGV[3] .. ':' .. ARGV[2])
end
return 1
"""
)
_TAKE_OVER = (
    _OPEN
    + """
local all, found = redis.call('HGETALL', KEYS[1]), nil
for i = 1, #all, 2 do
  if parts(all[i + 1]) <= NOW and (not found or tonumber(all[i]) < tonumber(found)) then found = all[i] end
end
if found then redis.call('HSET', KEYS[1], found, NOW + ARGV[2] .. ':' .. ARGV[1]) end
return found
"""
)
_HOLD = """
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_FREE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"


class RedisOccurrences:
    """The occurrences of a fleet: a key in Redis for each, which only the first can set.

    Args:
        url: of a Redis or Valkey.
        prefix: what every key begins with.
        timeout: seconds that one step may take.
    """

    shared = True

    def __init__(self, url: str, *, prefix: str = "nestpy:schedule", timeout: float = 2.0) -> None:
        import redis.asyncio as redis

        pool = redis.BlockingConnectionPool.from_url(
            url, max_connections=16, timeout=timeout, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        self._client: Any = redis.Redis(connection_pool=pool)
        self._prefix = prefix
        self._claim = self._client.register_script(_CLAIM)
        self._claims = Batch(self._claim_all)
        self._close = self._client.register_script(_CLOSE)
        self._take_over = self._client.register_script(_TAKE_OVER)
        self._hold = self._client.register_script(_HOLD)
        self._free = self._client.register_script(_FREE)

    async def open(self) -> None:
        """Connect.

        Raises:
            ConfigurationError: nothing that is a Redis answers.
        """
        from redis.exceptions import RedisError

        try:
            await self._client.ping()
        except (RedisError, OSError) as error:
            rule = f"must be that of a Redis that answers, and this one does not ({type(error).__name__})"
            raise ConfigurationError("schedule.url", rule, hints=("start Redis, or correct `REDIS_URL`",)) from None

    async def claim(self, key: str, due: datetime, *, keep: float, holder: str = "", lease: float = 0.0) -> bool:
        """Grant an occurrence to whoever asks first."""
        answer = await self._claims((key, _micros(due), _millis(keep), holder, _millis(lease)))
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    async def _claim_all(self, claims: Sequence[tuple[str, int, int, str, int]]) -> Sequence[int | Exception]:
        # A thousand schedules that are due at once are five trips instead of a thousand.
        async with self._client.pipeline(transaction=False) as pipe:
            for key, micros, keep, holder, lease in claims:
                keys = [self._key(key, rest) for rest in (f"due:{micros}", "latest", "open")]
                await self._claim(keys=keys, args=[micros, keep, secrets.token_hex(8), holder, lease], client=pipe)
            answers: list[int | Exception] = await pipe.execute(raise_on_error=False)
            return answers

    async def renew(self, key: str, due: datetime, holder: str, *, lease: float) -> bool:
        """Let the lease of an open occurrence begin anew."""
        return bool(await self._close(keys=[self._key(key, "open")], args=[_micros(due), holder, _millis(lease)]))

    async def settle(self, key: str, due: datetime, holder: str) -> bool:
        """Close an open occurrence."""
        return bool(await self._close(keys=[self._key(key, "open")], args=[_micros(due), holder, ""]))

    async def take_over(self, key: str, holder: str, *, lease: float) -> datetime | None:
        """Give an open occurrence whose lease is over to another holder."""
        return _time(await self._take_over(keys=[self._key(key, "open")], args=[holder, _millis(lease)]))

    async def latest(self, key: str) -> datetime | None:
        """Return the latest occurrence that was granted."""
        return _time(await self._client.get(self._key(key, "latest")))

    async def hold(self, key: str, holder: str, *, lease: float) -> bool:
        """Grant it to one holder until it is freed or the lease is over."""
        return bool(await self._hold(keys=[self._key(key, "running")], args=[holder, _millis(lease)]))

    async def free(self, key: str, holder: str) -> None:
        """Give it back."""
        await self._free(keys=[self._key(key, "running")], args=[holder])

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose(close_connection_pool=True)

    def _key(self, key: str, rest: str) -> str:
        return f"{self._prefix}:{{{key}}}:{rest}"


def _micros(due: datetime) -> int:
    return round(due.timestamp() * 1_000_000)


def _millis(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _time(micros: bytes | None) -> datetime | None:
    return None if micros is None else datetime.fromtimestamp(int(micros) / 1_000_000, UTC)

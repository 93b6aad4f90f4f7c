"""Keeps jobs in Redis Streams: each step is one Lua script, each answer can be asked for twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from traceback import walk_tb
from typing import Any, cast

import redis as sync_redis
import redis.asyncio as redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from nestpy_core import ConfigurationError

from . import _scripts as scripts
from ._durability import Durability, inspect_redis
from ._store import Ending, QueueCounts, Reservation, State, Stored, Submission, Sweep
from .errors import StoreUnavailableError

__all__ = ("RedisStore",)

_NUMBERS = frozenset({"priority", "failures", "deaths", "delivery"})
_TIMES = frozenset({"enqueued", "due", "ended"})
_TEXTS = frozenset({"state", "owner", "reason"})
_BYTES = frozenset({"data", "result", "progress"})


class RedisStore:
    """Jobs in Redis or Valkey.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        prefix: what every key begins with.
        timeout: seconds that one step may take before it is a `StoreUnavailableError`.
        wait_replicas: replicas that must have a job before an enqueue returns; they have half of *timeout* for it.
        durability: what the server must promise; see `Durability`.
        keep: seconds that a cancelled job stays known.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "nestpy",
        timeout: float = 1.0,
        wait_replicas: int = 0,
        durability: Durability = "warn",
        keep: float = 3600.0,
    ) -> None:
        self.durability = ""
        # The server waits for its replicas for half the time that any step may take and then says how many it has; the
        # client gives it a whole step more to say so.
        self._replicas_within = timeout / 2 if wait_replicas else 0.0
        self.submit_within: float | None = timeout + self._replicas_within
        self._url = url
        self._prefix = prefix
        self._timeout = timeout
        self._wait_replicas = wait_replicas
        self._wanted: Durability = durability
        self._keep = keep
        options: dict[str, Any] = {"socket_connect_timeout": timeout, "retry": _once()}
        self._client = redis.Redis.from_url(url, socket_timeout=timeout, **options)
        self._waiter = redis.Redis.from_url(url, socket_timeout=None, **options)
        self._scripts: dict[str, Any] = {}
        self._hints: dict[str, tuple[str, list[bytes]]] = {}

    async def open(self) -> None:
        """Connect, and look at what the server promises.

        Raises:
            ConfigurationError: it does not answer, or promises too little.
        """
        try:
            # Several steps, of which each may take its time.
            async with self._guarded(5 * self._timeout):
                self.durability = await inspect_redis(self._client, self._wanted, self._wait_replicas)
        except StoreUnavailableError as error:
            rule = f"must be that of a Redis that answers, and this one does not: {error}"
            raise ConfigurationError("queue.url", rule, hints=("start Redis, or correct `REDIS_URL`",)) from None

    async def close(self) -> None:
        """Give back every connection."""
        await self._client.aclose()
        await self._waiter.aclose()

    async def submit(self, queue: str, jobs: Sequence[Submission]) -> list[str]:
        """Take jobs in; with ``wait_replicas`` each replica has them too."""
        arguments: list[Any] = []
        for one in jobs:
            ttl = max(1, int(one.key_ttl * 1000))
            arguments += (one.id, one.data, int(one.delay * 1000), one.priority, one.key, ttl)
        run = self._run_replicated if self._wait_replicas else self._run
        return [holder.decode() for holder in await run(scripts.SUBMIT, queue, *arguments)]

    async def _run_replicated(self, source: str, queue: str, *arguments: Any) -> Any:  # as `_run`
        # WAIT speaks of the writes of its own connection, so everything goes over one; the mark is a write even where
        # the jobs are there already.
        async with self._guarded(self.submit_within), self._waiter.pipeline(transaction=False) as pipe:
            pipe.set(self._key(queue, "replicated"), b"", px=1000)
            await self._script(source)(keys=[self._key(queue)], args=arguments, client=cast("Any", pipe))
            pipe.wait(self._wait_replicas, max(1, int(self._replicas_within * 1000)))
            _, answer, reached = await pipe.execute()
        if reached < self._wait_replicas:
            raise StoreUnavailableError(
                f"{reached} of {self._wait_replicas} replicas of Redis took the job in time; it may have got through"
            )
        return answer

    async def reserve(
        self, queue: str, worker: str, limit: int, rate: tuple[int, float] | None, *, solo: bool = False
    ) -> list[Reservation]:
        """Start waiting jobs."""
        starts, period = rate or (0, 1.0)
        which = "solo" if solo else ""
        kind, *rest = await self._run(scripts.RESERVE, queue, worker, limit, starts, int(period * 1000), which)
        if kind != b"jobs":
            self._hints[queue] = kind.decode(), rest
            return []
        return [
            Reservation(queue, id_.decode(), data, int(delivery), int(failures), int(deaths), int(enqueued) / 1000)
            for id_, data, delivery, failures, deaths, enqueued in rest
        ]

    async def wait(self, queue: str, seconds: float) -> None:
        """Wait for an entry younger than those that the last empty reservation saw."""
        kind, rest = self._hints.get(queue, ("empty", []))
        if kind == "pause" or len(rest) != 3:
            await asyncio.sleep(min(seconds, int(cast("Any", rest[0])) / 1000 if rest else 0.05))
            return
        streams = {self._key(queue, f"stream:{level}"): last for level, last in enumerate(rest)}
        async with self._guarded(seconds + self._timeout):
            await self._waiter.xread(cast("Any", streams), count=1, block=max(1, int(seconds * 1000)))

    async def end(self, endings: Sequence[Ending]) -> list[bool]:
        """End attempts, those of one queue in one step."""
        answers: dict[int, bool] = {}
        queues: dict[str, list[int]] = {}
        for index, one in enumerate(endings):
            queues.setdefault(one.reservation.queue, []).append(index)
        for queue, indexes in queues.items():
            arguments = [part for index in indexes for part in _ending(endings[index])]
            found = await self._run(scripts.END, queue, *arguments)
            answers.update(zip(indexes, map(bool, found), strict=True))
        return [answers[index] for index in range(len(endings))]

    async def recover(self, queue: str, worker: str, running: Collection[str]) -> int:
        """Release what this worker owns and does not know of."""
        return int(await self._run(scripts.RECOVER, queue, worker, *running))

    async def forget(self, queue: str, worker: str) -> None:
        """Release everything of a worker and strike it off."""
        while await self._run(scripts.FORGET, queue, worker):
            pass

    async def sweep(self, queue: str, max_deaths: int, *, reclaim: bool = True) -> Sweep:
        """Promote what is due, reclaim what dead workers ran."""
        due, reclaimed, buried, cancelled, solo = await self._run(scripts.SWEEP, queue, max_deaths, int(reclaim))
        asked = frozenset(one.decode() for one in cancelled)
        return Sweep(None if due < 0 else due / 1000, reclaimed, buried, asked, bool(solo))

    def beater(self, queues: Sequence[str], worker: str, lease: float) -> Callable[[], None]:
        """Return what renews the worker's keys, over a connection of its own."""
        client = sync_redis.Redis.from_url(
            self._url, socket_timeout=self._timeout, socket_connect_timeout=self._timeout
        )
        keys = [self._key(queue, f"alive:{worker}") for queue in queues]

        def beat() -> None:
            try:
                for key in keys:
                    client.set(key, b"1", px=int(lease * 1000))
            except (RedisError, OSError) as error:
                raise _unavailable(error) from error

        return beat

    async def progress(self, reservation: Reservation, worker: str, value: bytes) -> bool:
        """Remember how far a job is."""
        script = scripts.PROGRESS
        return bool(await self._run(script, reservation.queue, reservation.id, worker, reservation.delivery, value))

    async def find(self, queue: str, id: str) -> Stored | None:  # noqa: A002  # as its protocol
        """Return what is known of a job."""
        async with self._guarded():
            found = await cast("Any", self._client.hgetall(self._key(queue, f"job:{id}")))
        return _stored(queue, id, found) if found else None

    async def cancel(self, queue: str, id: str) -> State | None:  # noqa: A002  # as its protocol
        """Cancel a waiting job, or ask its worker to."""
        state = await self._run(scripts.CANCEL, queue, id, int(self._keep * 1000))
        return None if state is None else state.decode()

    async def counts(self, queue: str) -> QueueCounts:
        """Count the jobs of a queue."""
        waiting, delayed, running, dead, done, workers, lag, paused = await self._run(scripts.COUNTS, queue)
        return QueueCounts(
            waiting=waiting,
            delayed=delayed,
            running=running,
            dead=dead,
            done=done,
            workers=workers,
            lag=lag / 1000,
            paused=bool(paused),
        )

    async def dead(self, queue: str, limit: int) -> list[Stored]:
        """Return dead letters, the oldest first."""
        async with self._guarded():
            letters = await cast("Any", self._client.xrange(self._key(queue, "dead"), count=limit))
        found = [await self.find(queue, fields[b"id"].decode()) for _, fields in letters]
        return [one for one in found if one is not None]

    async def replay(self, queue: str, ids: Sequence[str]) -> int:
        """Let dead jobs wait again."""
        return int(await self._run(scripts.DEAD_ENDING, queue, "replay", *ids))

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """Forget dead jobs."""
        return int(await self._run(scripts.DEAD_ENDING, queue, "purge", *ids))

    async def pause(self, queue: str, *, paused: bool) -> None:
        """Stop starting jobs, or go on."""
        key = self._key(queue, "paused")
        async with self._guarded():
            await (self._client.set(key, b"1") if paused else self._client.delete(key))

    def _key(self, queue: str, rest: str = "") -> str:
        return f"{self._prefix}:{{{queue}}}:{rest}"

    async def _run(self, source: str, queue: str, *arguments: Any) -> Any:  # what the script takes and returns
        async with self._guarded():
            return await self._script(source)(keys=[self._key(queue)], args=arguments)

    def _script(self, source: str) -> Any:  # a script of redis-py
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self._client.register_script(source)
        return script

    @contextlib.asynccontextmanager
    async def _guarded(self, seconds: float | None = None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds or self._timeout):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, ResponseError) and not str(error).startswith(_TRANSIENT):
                raise
            raise _unavailable(error) from error
        except (AttributeError, TypeError, RuntimeError) as error:
            if not _in_sending(error):
                raise
            raise _unavailable(ConnectionResetError()) from error


_TRANSIENT = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "MISCONF", "OOM")


def _in_sending(error: Exception) -> bool:
    # What writing to a connection that has just been reset raises: an AttributeError or TypeError in asyncio since
    # Python 3.12 (python/cpython#136234), a RuntimeError in uvloop; redis-py hands them on.
    return any(frame.f_code.co_name == "send_packed_command" for frame, _ in walk_tb(error.__traceback__))


def _unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"Redis does not answer ({type(error).__name__})")


def _once() -> Any:  # a retry of redis-py
    from redis.asyncio.retry import Retry

    return Retry(NoBackoff(), 1)


def _ending(one: Ending) -> tuple[Any, ...]:
    return (
        one.reservation.id,
        one.worker,
        one.reservation.delivery,
        one.outcome,
        int(one.delay * 1000),
        one.result,
        one.reason,
        max(60_000, int(one.keep * 1000)),
    )


def _stored(queue: str, name: str, found: Mapping[bytes, bytes]) -> Stored:
    values: dict[str, Any] = {}
    for key, value in found.items():
        field = key.decode()
        if field in _NUMBERS:
            values[field] = int(value)
        elif field in _TIMES:
            values[field] = int(value) / 1000
        elif field in _TEXTS:
            values[field] = value.decode()
        elif field in _BYTES:
            values[field] = value
    return Stored(id=name, queue=queue, **values)

"""The settings of the queue."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from nestpy_core import Secret, check_url, config, setting

from ._durability import Durability

__all__ = ("QueueConfig",)


@config("queue")
class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where jobs are kept, and how long a silent worker is believed to live.

    Attributes:
        url: ``redis://…`` keeps jobs in Redis; without one they are kept in ``path``.
        store: ``memory`` keeps them in the process, for tests; ``auto`` decides by ``url``.
        path: the SQLite file, where there is no ``url``; the processes of one machine share it.
        synchronous: of that file: ``full`` has each job on disk before it is taken.
        prefix: what every key in Redis begins with.
        lease: seconds without a heartbeat after which a worker is dead and its jobs are given to others.
        timeout: seconds that Redis may take for one step before an enqueue fails.
        wait_replicas: replicas of Redis that must have a job before an enqueue returns; they have half of ``timeout``
            for it.
        durability: whether to refuse, to warn or not to ask where Redis could lose jobs.
        keep: seconds that the status and result of a job that ended well stay known; at least 60.
        deploy_window: seconds that a job whose type no worker here knows is put back for those that do.
        max_payload_bytes: the largest job that is taken; larger data belongs in a store, and its key in the job.
        signing_keys: with any, every job is signed with the first and must be signed by one of them.
        work: whether this process runs jobs; a process that only enqueues sets it to false.
    """

    url: Annotated[Secret[str] | None, setting(alias="REDIS_URL")] = None
    store: Annotated[Literal["auto", "memory"], setting(shape=False)] = "auto"
    path: str = "queue.sqlite3"
    synchronous: Literal["full", "normal"] = "full"
    prefix: str = "nestpy"
    lease: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    wait_replicas: Annotated[int, msgspec.Meta(ge=0)] = 0
    durability: Durability = "warn"
    keep: Annotated[float, msgspec.Meta(ge=0)] = 3600.0
    deploy_window: Annotated[float, msgspec.Meta(ge=0)] = 600.0
    max_payload_bytes: Annotated[int, msgspec.Meta(ge=1)] = 262_144
    signing_keys: list[Secret[str]] = []
    work: Annotated[bool, setting(shape=True)] = True


def url_of(config: QueueConfig) -> str | None:
    """Return the URL of the Redis that keeps the jobs; None where none does.

    Raises:
        ConfigurationError: no Redis can have it.
    """
    if config.store == "memory" or config.url is None:
        return None
    url = config.url.reveal()
    hints = ("set `REDIS_URL` to `redis://:password@host:6379/0`",)
    check_url("queue.url", url, schemes=("redis", "rediss", "unix"), path="[0-9]*/?", hints=hints)
    return url

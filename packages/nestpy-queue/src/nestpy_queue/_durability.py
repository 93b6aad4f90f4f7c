"""What a store promises: asked at start, said once, and enforced where strictness is asked for."""

from __future__ import annotations

import logging
from typing import Any, Literal

from redis.exceptions import ResponseError

from nestpy_core.errors import ConfigurationError

__all__ = ("Durability",)

Durability = Literal["strict", "warn", "off"]
"""``strict`` refuses to start where acknowledged jobs could be lost, ``warn`` says so, ``off`` does not ask."""

logger = logging.getLogger("nestpy.queue")


async def inspect_redis(client: Any, wanted: Durability, wait_replicas: int) -> str:  # a client of redis.asyncio
    """Return one sentence on what a crash of this Redis can cost.

    Raises:
        ConfigurationError: it can cost jobs and *wanted* is ``strict``.
    """
    if wanted == "off":
        return "not inspected"
    try:
        settings = {**await client.config_get("append*"), **await client.config_get("maxmemory-policy")}
    except ResponseError:
        return "unknown: this Redis does not show its configuration"
    replicas = int((await client.info("replication")).get("connected_slaves", 0))
    problems = [*_losses(settings), *_replicas(replicas, wait_replicas)]
    if not problems:
        fsync = settings.get("appendfsync")
        return "each job is on disk before it is taken" if fsync == "always" else "a power loss can cost one second"
    text = "; ".join(problems)
    if wanted == "strict":
        hint = "set `appendonly yes` and `maxmemory-policy noeviction` in Redis, or `queue.durability` to `warn`"
        rule = f"is `strict`, and this Redis can lose jobs: {text}"
        raise ConfigurationError("queue.durability", rule, hints=(hint,))
    logger.warning("this Redis can lose jobs: %s", text)
    return text


def _losses(settings: dict[str, str]) -> list[str]:
    found = []
    if settings.get("appendonly") != "yes":
        found.append("`appendonly` is off, so a crash loses whatever came after the last snapshot")
    elif settings.get("appendfsync") == "no":
        found.append("`appendfsync` is `no`, so a power loss can cost half a minute")
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        found.append(f"`maxmemory-policy` is `{policy}`, which may evict jobs")
    return found


def _replicas(found: int, wanted: int) -> list[str]:
    return [] if found >= wanted else [f"`queue.wait_replicas` is {wanted} and {found} replicas are connected"]

"""The settings of the MCP edge."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from nestpy_core import ConfigurationError, Secret, check_url, config, setting

__all__ = ("McpConfig",)


@config("mcp")
class McpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the MCP servers of an app accept.

    Attributes:
        hosts: the names that requests may be for, without a port; checked on every bind address, because a web page
            can make a browser call a local server by any name that it controls (DNS rebinding).
        origins: the origins whose pages may call, exactly; those on one of *hosts* may as well.
        json_only: answer every request with JSON and never stream: no progress, no log messages.
        max_body_bytes: the largest request.
        max_result_bytes: the largest result of a tool, as JSON.
        max_batch: the messages of one batch, in the revision that has batches (2025-03-26).
        page_size: how many tools, prompts or resources one page lists.
        keep_alive: seconds after which an idle stream is sent a comment.
        retry: milliseconds that a client waits before it connects to a stream again.
        session_idle: seconds after which a session without requests ends.
        sessions_per_principal: sessions that one caller may hold; all anonymous callers together ten times as many.
        session_store: ``memory``, or ``redis`` for several processes.
        url: of Redis.
        events_kept: the messages of a session that a client may still ask for after a lost connection.
        request_timeout: seconds that a client may take to answer what it is asked.
        resource: this server's own URL as tokens name it (RFC 8707); without it what requests are for.
        authorization_servers: where clients get tokens; with one, protected-resource metadata (RFC 9728) is served.
        scopes: what tokens may grant, as that metadata lists it.
    """

    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    origins: tuple[str, ...] = ()
    json_only: bool = False
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 4 * 1024 * 1024
    max_result_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 1024 * 1024
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    page_size: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 100
    keep_alive: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    retry: Annotated[int, msgspec.Meta(ge=1)] = 1000
    session_idle: Annotated[float, msgspec.Meta(gt=0)] = 1800.0
    sessions_per_principal: Annotated[int, msgspec.Meta(ge=1)] = 32
    session_store: Literal["memory", "redis"] = "memory"
    url: Annotated[Secret[str] | None, setting(alias="REDIS_URL")] = None
    events_kept: Annotated[int, msgspec.Meta(ge=1)] = 1000
    request_timeout: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    resource: str = ""
    authorization_servers: Annotated[tuple[str, ...], setting(shape=True)] = ()
    scopes: tuple[str, ...] = ()


def redis_url_of(config: McpConfig) -> str | None:
    """Return the URL of the Redis that keeps sessions; None where this process keeps them.

    Raises:
        ConfigurationError: there is none, or no Redis can have it.
    """
    if config.session_store != "redis":
        return None
    hints = ("set `REDIS_URL` to `redis://:password@host:6379/0`",)
    if config.url is None:
        raise ConfigurationError("mcp.url", "must name the Redis that keeps sessions", hints=hints)
    url = config.url.reveal()
    check_url("mcp.url", url, schemes=("redis", "rediss", "unix"), path="[0-9]*/?", hints=hints)
    return url

"""The settings of the HTTP edge."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nestpy_core import config, setting

__all__ = ("HttpConfig",)


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the HTTP edge listens and what it accepts.

    Attributes:
        host: the address to bind.
        port: the port to bind.
        prefix: put before every route's path, for instance ``/api``.
        max_body_bytes: the largest body that a route reads; over it the answer is 413.
        security_headers: whether every answer carries the five default security headers.
        runtime_threads: I/O threads of the server; two cost less CPU per request than one.
        backlog: connections that the kernel queues.
        backpressure: connections, idle ones included, that the server holds at once.
    """

    host: str = "0.0.0.0"  # noqa: S104  # a service is reached from outside its container
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 3000
    prefix: Annotated[str, setting(shape=True)] = ""
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 1024 * 1024
    security_headers: Annotated[bool, setting(shape=True)] = True
    runtime_threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    backlog: Annotated[int, msgspec.Meta(ge=128)] = 1024
    backpressure: Annotated[int, msgspec.Meta(ge=1)] = 65536

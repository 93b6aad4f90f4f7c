"""The settings of the probes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nestpy_core import config, setting

__all__ = ("HealthConfig",)

Seconds = Annotated[float, msgspec.Meta(gt=0)]


@config("health")
class HealthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How probes run, and where they listen in an app without HTTP; durations are in seconds.

    Attributes:
        indicator_timeout: how long one indicator may take, unless its decorator says otherwise.
        probe_deadline: how long one probe may take, all of its indicators together.
        cache: how long a probe's answer is given again before its indicators run anew; 0 for never.
        details: whether answers name the indicators; without it they hold the status alone.
        listen: whether a listener of their own serves the probes when no edge of the app does.
        host: the address that it binds.
        port: the port that it binds; 0 takes a free one, which the log tells.
        request_timeout: how long one request of that listener may take, from its connection to its last byte.
        max_connections: how many of them that listener serves at once; further ones are closed.
    """

    indicator_timeout: Seconds = 0.75
    probe_deadline: Seconds = 0.9
    cache: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    details: bool = True
    listen: Annotated[bool, setting(shape=True)] = True
    host: str = "0.0.0.0"  # noqa: S104  # a service is reached from outside its container
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8081
    request_timeout: Seconds = 5.0
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 64

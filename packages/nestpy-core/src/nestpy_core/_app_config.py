"""The settings of the app itself: logging, start and drain."""

# No annotations of the future: every boot reads these, and with those of `HttpConfig` their texts take 2 ms.
from typing import Annotated, Literal

import msgspec

from ._config import config

__all__ = ("AppConfig",)

Seconds = Annotated[float, msgspec.Meta(ge=0, le=31_536_000)]
"""At most a year: no timer waits for ever."""


@config("app")
class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an app starts and drains; durations are in seconds.

    Attributes:
        edges: which edges run under a foreign server: HTTP alone, or all of them.
        log_level: from which level on `App.run` logs, unless the app configured logging itself.
        drain_delay: how long to keep serving after readiness went red; by default 5, in development and test 0.
        finish_timeout: how long running work may take to finish before it is cancelled.
        hook_timeout: how long one shutdown hook may take.
        shutdown_timeout: how long all of it may take.
    """

    edges: Literal["http", "all"] = "http"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_delay: Seconds | None = None
    finish_timeout: Seconds = 20.0
    hook_timeout: Seconds = 5.0
    shutdown_timeout: Seconds = 30.0

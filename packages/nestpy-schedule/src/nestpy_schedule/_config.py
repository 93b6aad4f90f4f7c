"""The settings of schedules."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nestpy_core import Secret, check_url, config, setting

__all__ = ("ScheduleConfig",)


@config("schedule")
class ScheduleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the processes of a fleet agree on who runs what.

    Attributes:
        url: a Redis in which each occurrence is claimed once; one that does not answer ends the start. Without it
            occurrences are claimed in the database of nestpy-orm, and without that every process runs every schedule.
        prefix: what every key in Redis begins with.
        lease: seconds after which a process that died while it ran something no longer stands in the way.
        run: whether this process runs schedules.
    """

    url: Annotated[Secret[str] | None, setting(alias="REDIS_URL")] = None
    prefix: str = "nestpy:schedule"
    lease: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    run: Annotated[bool, setting(shape=True)] = True


def url_of(config: ScheduleConfig) -> str | None:
    """Return the URL of the Redis in which the processes agree; None where there is none.

    Raises:
        ConfigurationError: no Redis can have it.
    """
    if config.url is None:
        return None
    url = config.url.reveal()
    hints = ("set `REDIS_URL` to `redis://:password@host:6379/0`",)
    check_url("schedule.url", url, schemes=("redis", "rediss", "unix"), path="[0-9]*/?", hints=hints)
    return url

"""The settings of the event bus."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nestpy_core import config

__all__ = ("EventsConfig",)


@config("events")
class EventsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much happens in the background.

    Attributes:
        concurrency: how many published events run at once.
        queue_size: how many more may wait; whoever publishes one beyond waits too.
    """

    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 16
    queue_size: Annotated[int, msgspec.Meta(ge=0)] = 1000

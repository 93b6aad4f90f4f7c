"""The module that brings the event bus into an app."""

from __future__ import annotations

from typing import Any

from nestpy_core import DynamicModule, dynamic, module

from ._bus import EventBus
from ._config import EventsConfig

__all__ = ("EventsModule",)


@module(providers=[EventsConfig, EventBus], shared=True)
class EventsModule:
    """Provides `EventBus` everywhere and calls every `@listeners` host; import it once, in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of EventsConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `EventsConfig`, for instance ``concurrency=4``.
        """
        return dynamic(cls, settings={EventsConfig: options})

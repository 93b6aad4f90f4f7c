"""The module that brings the HTTP edge into an app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nestpy_core import DynamicModule, dynamic, module

from ._config import HttpConfig
from ._deadlines import RunningRequests

__all__ = ("HttpModule",)


@module(providers=[HttpConfig, RunningRequests], shared=True)
class HttpModule:
    """Serves every controller of the app; import it once, in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of HttpConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `HttpConfig`, for instance ``port=3001, prefix="/api"``.
        """
        return dynamic(cls, settings={HttpConfig: options})

    @classmethod
    def for_root_async(cls, use_factory: Callable[..., Any]) -> DynamicModule:  # see below
        """Pin settings that exist only at start.

        Args:
            use_factory: a function, async or not, whose parameters are injected; it returns a mapping of
                `HttpConfig` fields. Those that shape the code (``prefix``, ``max_body_bytes``,
                ``security_headers``) are refused.
        """
        late: Mapping[type, Callable[..., Any]] = {HttpConfig: use_factory}
        return dynamic(cls, late=late, label="for_root_async")

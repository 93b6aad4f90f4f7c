"""The module that brings the HTTP edge into an app."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from nestpy_core import DynamicModule, dynamic, module

from ._config import HttpConfig
from ._deadlines import RunningRequests
from ._signed_cookies import SignedCookies

__all__ = ("HttpModule",)


@module(providers=[HttpConfig, RunningRequests, SignedCookies], shared=True)
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
    def serve_static(
        cls,
        path: str,
        directory: str | os.PathLike[str],
        *,
        public: bool = False,
        cache: str = "no-cache",
    ) -> DynamicModule:
        """Serve the files below *directory* at *path*: validators, ranges, no listings, dotfiles or links out.

        Import it beside ``for_root``. Guards, interceptors and the rest stand before it as before any route.

        Args:
            path: for instance ``/assets``.
            directory: resolved at once; relative to the working directory.
            public: as `public` says; needed once the app has guards that authorize, unless one of them lets it pass.
            cache: the ``Cache-Control`` of each file; by default clients ask whether theirs is still good.
        """
        from ._static_files import static_controller

        return dynamic(
            cls, providers=[static_controller(path, directory, public=public, cache=cache)], label="serve_static"
        )

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

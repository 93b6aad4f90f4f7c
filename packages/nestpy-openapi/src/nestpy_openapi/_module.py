"""The module that brings the document and its page into an app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nestpy_core import DynamicModule, dynamic, module, provide

from ._config import OpenApiConfig

__all__ = ("OpenApiModule",)


class Given(dict[str, Any]):
    """What `OpenApiModule.for_root` was given: the paths are needed before settings are read."""


@module(providers=[OpenApiConfig])
class OpenApiModule:
    """Describes the app at ``/api-json`` and, in development, shows it at ``/api``; import it in the root module."""

    @classmethod
    def for_root(cls, **options: Any) -> DynamicModule:  # the fields of OpenApiConfig
        """Pin settings in code; only the real environment is stronger.

        Args:
            options: any field of `OpenApiConfig`, for instance ``title="Cats", version="1.2.0"``.
        """
        given: Mapping[str, Any] = options
        return dynamic(
            cls, settings={OpenApiConfig: given}, providers=[provide(Given, use_value=Given(given), multi=True)]
        )

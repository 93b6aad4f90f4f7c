"""What an app imports, and its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from nestpy_core import DynamicModule, config, dynamic, module

__all__ = ("LinesConfig", "LinesModule")


@config("lines")
class LinesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where commands are taken.

    Attributes:
        host: the address to listen at.
        port: 0 takes a free one.
        max_line_bytes: a longer line ends its connection.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7007
    max_line_bytes: Annotated[int, msgspec.Meta(ge=64)] = 65536


@module(providers=[LinesConfig])
class LinesModule:
    """Takes commands over TCP."""

    @classmethod
    def for_root(cls, **settings: Any) -> DynamicModule:  # the fields of `LinesConfig`
        """Pin settings in code; the environment is stronger."""
        return dynamic(cls, settings={LinesConfig: settings})

    @classmethod
    def for_root_async(cls, *, use_factory: Callable[..., Any]) -> DynamicModule:
        """Take settings from a factory when the app starts."""
        return dynamic(cls, late={LinesConfig: use_factory}, label="for_root_async")

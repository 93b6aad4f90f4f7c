"""Checks the URL of a server that a setting names, and never repeats it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from .errors import ConfigurationError

__all__ = ("check_url",)


def check_url(setting: str, url: str, *, schemes: Sequence[str], path: str = ".*", hints: Sequence[str] = ()) -> None:
    """Refuse the URL of a server that no client could read; plugins call it while they verify and before they connect.

    Args:
        setting: dotted name, for instance ``queue.url``.
        url: what the setting holds. No message repeats it, for it may hold a password.
        schemes: those that are understood. A URL names a host, unless its scheme is ``unix``.
        path: a regular expression of the whole path after its first slash; not asked of ``unix``.
        hints: what to write instead.

    Raises:
        ConfigurationError: it begins with none of the schemes, or is malformed.
    """
    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in schemes:
        begins = " or ".join(f"`{one}://`" for one in schemes)
        raise ConfigurationError(setting, f"must be a URL that begins with {begins}", hints=hints)
    try:
        parts = urlsplit(url)
        sound = scheme == "unix" or (
            parts.port != 0 and bool(parts.hostname) and re.fullmatch(path, parts.path.removeprefix("/")) is not None
        )
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError(setting, "must be a URL whose host, port and path can be read", hints=hints)

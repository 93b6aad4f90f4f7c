"""The ways in which a server for tests is found, in their order."""

from __future__ import annotations

from typing import Literal

Source = Literal["auto", "env", "local", "embedded"]
"""``env``: a URL in a variable; ``local``: the default port; ``embedded``: of our own; ``auto``: the first that is."""


def wanted(source: Source, way: Source) -> bool:
    """Return whether *way* is to be tried."""
    return source in ("auto", way)

"""One command, as its layers and its handler may have it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from nestpy_core import ExecutionContext

__all__ = ("Line", "LinesContext")


class Line(msgspec.Struct, frozen=True):
    """One line that came in.

    Attributes:
        command: its first word.
        arguments: the rest, an object in JSON.
        peer: the address that it came from; empty where no socket is.
    """

    command: str
    arguments: bytes = b"{}"
    peer: str = ""


class LinesContext(ExecutionContext, kw_only=True, eq=False):
    """One command, as its layers see it."""

    edge: ClassVar[str] = "lines"
    line: Line

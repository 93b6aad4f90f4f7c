"""Every error that nestpy-testing raises.

NestPyError
└── TestAppError    a `TestApp` is used before it started, twice at once, or asked for a client that no plugin offers
"""

from __future__ import annotations

from nestpy_core import NestPyError

__all__ = ("TestAppError",)


class TestAppError(NestPyError):
    """A `TestApp` is used before it started, started twice, or asked for a client that no plugin offers."""

    __test__ = False

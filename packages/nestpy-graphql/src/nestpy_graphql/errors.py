"""Every error that nestpy-graphql raises.

NestPyError
└── GraphqlError    anything this distribution refuses
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("GraphqlError",)


class GraphqlError(NestPyError):
    """The base of every error that nestpy-graphql raises on purpose."""

"""Every error that nestpy-{{name}} raises.

NestPyError
└── {{class}}Error    anything this distribution refuses
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("{{class}}Error",)


class {{class}}Error(NestPyError):
    """The base of every error that nestpy-{{name}} raises on purpose."""

"""The module that apps import."""

from __future__ import annotations

from nestpy_core import module

__all__ = ("{{class}}Module",)


@module
class {{class}}Module:
    """{{description}}"""

"""Every error that nestpy-openapi raises.

NestPyError
├── OpenapiError              anything this distribution refuses
└── Problem
    └── DescriptionError      a guard or `@api` says something that no document can hold; found at boot
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError, Problem

__all__ = ("DescriptionError", "OpenapiError")


class OpenapiError(NestPyError):
    """The base of every error that nestpy-openapi raises on purpose."""


class DescriptionError(Problem):
    """A guard or `@api` says something that no document can hold; found at boot."""

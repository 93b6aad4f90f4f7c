"""Every error that nestpy-health raises.

NestPyError
└── HealthError                    anything this distribution refuses
    ├── UnhealthyError             an indicator of this distribution found something wrong
    └── IndicatorRefusedError      a guard stood before an indicator
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("HealthError", "IndicatorRefusedError", "UnhealthyError")


class HealthError(NestPyError):
    """The base of every error that nestpy-health raises on purpose."""


class UnhealthyError(HealthError):
    """A ready-made indicator found something wrong; its text stands in the log alone."""


class IndicatorRefusedError(HealthError):
    """A guard refused to let an indicator run, which is down then."""

"""Every error that nestpy-schedule raises.

NestPyError
└── ScheduleError              anything this distribution refuses
    ├── ExpressionError        a cron expression, an interval or a zone that cannot be (also ValueError)
    └── UnknownScheduleError   no schedule has this name (also LookupError)
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("ExpressionError", "ScheduleError", "UnknownScheduleError")


class ScheduleError(NestPyError):
    """The base of every error that nestpy-schedule raises on purpose."""


class ExpressionError(ScheduleError, ValueError):
    """A cron expression, an interval or a time zone cannot be; the text says what would do."""


class UnknownScheduleError(ScheduleError, LookupError):
    """No schedule of the app has this name."""

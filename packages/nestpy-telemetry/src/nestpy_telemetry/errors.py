"""Every error that nestpy-telemetry raises.

NestPyError
└── TelemetryError    anything this distribution refuses
"""

from __future__ import annotations

from nestpy_core.errors import NestPyError

__all__ = ("TelemetryError",)


class TelemetryError(NestPyError):
    """The base of every error that nestpy-telemetry raises on purpose."""

"""Named points in the framework's and an app's own code at which a test can make something go wrong.

    from nestpy_core import fault

    fault.point("orders.pay.after_charge")

A point does nothing unless `arm` was called, which the test kit does: it then crashes the process there, raises,
waits, or stops at the k-th pass, so that every step at which a process may die can be tried. Names are dotted and
say distribution or app, step and moment. The names are read by tests and may change with the code.
"""

from __future__ import annotations

from collections.abc import Callable

_armed: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Let a test interfere here. Without one it costs a call and a comparison, some 40 ns."""
    if _armed is not None:
        _armed(name)


def arm(visit: Callable[[str], None]) -> Callable[[str], None] | None:
    """Have *visit* called with the name of each point that is passed, by any thread of this process.

    Returns:
        What was armed before, for whoever puts it back.
    """
    global _armed
    before, _armed = _armed, visit
    return before


def disarm(before: Callable[[str], None] | None = None) -> None:
    """Make points do nothing again, or what they did *before*."""
    global _armed  # noqa: PLW0603  # the one switch, which production never turns
    _armed = before

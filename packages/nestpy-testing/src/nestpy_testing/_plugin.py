"""What nestpy-testing adds to an application: the faults that a test arms in a process of its own."""

from __future__ import annotations

import os

from nestpy_core import hookimpl

nestpy_api = "0.1"


@hookimpl
def nestpy_collect() -> None:
    """Arm the faults of ``NESTPY_FAULTS`` before anything of the app is made; it adds nothing to the graph."""
    if os.environ.get("NESTPY_FAULTS"):
        from ._faults import arm_from_environment

        arm_from_environment()

"""A fault point does nothing until something is armed."""

from __future__ import annotations

from nestpy_core import fault


def test_a_point_tells_what_is_armed_and_nobody_afterwards():
    outer, inner = [], []
    fault.point("before")
    assert fault.arm(outer.append) is None
    try:
        fault.point("a")
        before = fault.arm(inner.append)
        fault.point("b")
        fault.disarm(before)
        fault.point("c")
    finally:
        fault.disarm()
    fault.point("after")
    assert (outer, inner) == (["a", "c"], ["b"])

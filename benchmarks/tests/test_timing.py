from __future__ import annotations

import gc

from harness.timing import Stopwatch, calibration

QUICK = Stopwatch(batches=3, seconds=0.001)


def test_a_longer_call_takes_longer():
    timed = QUICK.time({"long": lambda: sum(range(2000)), "short": lambda: sum(range(20))})
    assert timed["long"].best > timed["short"].best


def test_the_empty_call_costs_next_to_nothing():
    timed = QUICK.time({"empty": lambda: None, "loop": lambda: sum(range(200))})
    assert timed["empty"].best < timed["loop"].best


def test_the_best_is_not_above_the_median():
    timing = QUICK.time({"calibration": calibration})["calibration"]
    assert timing.best <= timing.median


def test_calls_are_visited_in_turn():
    visited = []
    Stopwatch(batches=2, seconds=0.0).time({"a": lambda: visited.append("a"), "b": lambda: visited.append("b")})
    assert visited[-4:] == ["a", "b", "a", "b"]


def test_garbage_collection_is_off_inside_and_on_again_outside():
    seen = []
    QUICK.time({"look": lambda: seen.append(gc.isenabled())})
    assert not any(seen)
    assert gc.isenabled()

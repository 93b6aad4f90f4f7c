"""What every distribution promises."""

from pathlib import Path

from nestpy_testing.guards import guard_tests

test_guards = guard_tests(Path(__file__).parents[1])

"""What every distribution promises."""

from pathlib import Path

import pytest

from nestpy_testing.guards import guard_tests

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # its README starts servers

test_guards = guard_tests(Path(__file__).parents[1])

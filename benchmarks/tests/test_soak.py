"""What grows is seen, and what only settles is not."""

from soak import Sample, judge, slope


def _samples(*rss: float, files: int = 10) -> list[Sample]:
    return [Sample(minute, megabytes, files, 4) for minute, megabytes in enumerate(rss)]


def test_a_leak_is_measured_in_megabytes_for_ten_minutes():
    assert slope(_samples(50, 51, 52, 53)) == 10.0
    assert slope(_samples(50)) == 0.0


def test_growth_while_warming_up_does_not_count():
    settled = _samples(30, 50, 60, *[60.0] * 20)
    assert all(goal.met for goal in judge(settled, 1000, 0, alive=True))


def test_each_goal_can_be_missed():
    leak = judge(_samples(*range(50, 70)), 1000, 0, alive=True)
    assert [goal.met for goal in leak] == [True, True, False, True, True]
    wrong = judge(_samples(*[50.0] * 20), 1000, 1, alive=False)
    assert [goal.met for goal in wrong] == [False, False, True, True, True]
    held = [*_samples(*[50.0] * 10), *[Sample(10 + n, 50.0, 10 + n, 5) for n in range(10)]]
    assert [goal.met for goal in judge(held, 1, 0, alive=True)] == [True, True, True, False, False]

"""The soak of schedulers sees what it looks for."""

from fleets import judge_lags, judge_steps


def test_a_burst_and_a_silence_after_a_step_of_the_clock_are_seen():
    steady = [float(second) for second in range(200)]
    good = judge_steps({1: steady, 60: [0.0, 60.0, 120.0, 180.0]}, [50.0, 120.0], 200.0)
    assert [goal.met for goal in good] == [True, True]
    burst = judge_steps({1: [*steady[:51], *[50.5] * 20, *steady[51:]]}, [50.0], 200.0)
    assert [goal.met for goal in burst] == [False, True]
    silent = judge_steps({1: steady[:51]}, [50.0], 200.0)
    assert [goal.met for goal in silent] == [True, False]


def test_late_starts_and_lost_claims_are_seen():
    assert [goal.met for goal in judge_lags([[0.1] * 1000], 1000, set())] == [True, True]
    late = judge_lags([[0.1] * 980 + [0.3] * 20], 1000, {("job-1", 5)})
    assert [goal.met for goal in late] == [False, False]
    assert [goal.met for goal in judge_lags([], 1000, set())] == [False, True]

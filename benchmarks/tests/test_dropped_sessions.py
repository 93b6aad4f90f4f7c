"""Each goal of M6 can be missed."""

from dropped_sessions import Wave, judge


def test_memory_that_comes_back_and_a_cap_that_holds_meet_every_goal():
    waves = [Wave(100, 60.0, 50.0), Wave(100, 61.0, 51.0)]
    assert all(goal.met for goal in judge(45.0, waves, 100, 32))


def test_each_goal_can_be_missed():
    assert [goal.met for goal in judge(45.0, [Wave(99, 60.0, 50.0), Wave(100, 60.0, 50.0)], 100, 32)] == [
        False,
        True,
        True,
        True,
    ]
    leak = judge(45.0, [Wave(100, 60.0, 50.0), Wave(100, 70.0, 60.0)], 100, 33)
    assert [goal.met for goal in leak] == [True, False, False, False]

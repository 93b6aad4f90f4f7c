"""The table of queues compares rates inside each round."""

from queues import Row, table


def test_ratios_are_taken_inside_rounds_and_a_contestant_that_failed_once_keeps_its_others():
    slow, fast = Row(100.0, 50.0, 1.0, 10.0, 20.0), Row(1000.0, 500.0, 0.1, 1.0, 2.0)
    rounds = [{"nestpy": slow, "other": slow}, {"nestpy": fast, "other": fast}, {"nestpy": fast}]
    assert table(rounds).splitlines()[2:] == [
        "| nestpy | 1,000 | 500 | 0.10 | 1.00 | 2.00 |",
        "| other | 550 (1.00) | 275 (1.00) | 0.55 | 5.50 | 11.00 |",
    ]

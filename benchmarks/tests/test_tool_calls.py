"""The table of MCP servers compares inside each round, and its targets can be missed."""

from harness.processes import Memory
from tool_calls import Seen, judge, table


def seen(cost: float, rss: float) -> Seen:
    return Seen([1000 / cost, 2000 / cost], [cost, cost / 2], [1.0, 2.0], Memory(rss - 1, rss), Memory(rss, rss + 1))


def test_ratios_stand_beside_the_figures_of_others():
    lines = table({"nestpy": seen(10, 40), "sdk": seen(60, 80)}, {"nestpy": "NestPy", "sdk": "SDK"}).splitlines()
    assert lines[2:] == [
        "| NestPy | 150 | 7.5 | 1.5 | 40.0 | 39.0 | 41.0 |",
        "| SDK | 25 (6.00) | 45.0 (6.00) | 1.5 (1.00) | 80.0 (0.50) | 79.0 (0.49) | 81.0 (0.51) |",
    ]


def test_a_process_that_knows_no_mcp_has_memory_and_no_target():
    found = {"nestpy": seen(10, 40), "floor": Seen(rest=Memory(31, 32))}
    lines = table(found, {"nestpy": "NestPy", "floor": "granian alone"}).splitlines()
    assert lines[3:] == ["| granian alone | – | – | – | 32.0 (1.25) | 31.0 | – |"]
    assert judge(found) == []


def test_each_target_can_be_met_and_missed():
    assert [goal.met for goal in judge({"nestpy": seen(10, 40), "sdk": seen(60, 100)})] == [True, True]
    assert [goal.met for goal in judge({"nestpy": seen(10, 40), "sdk": seen(40, 80)})] == [False, False]

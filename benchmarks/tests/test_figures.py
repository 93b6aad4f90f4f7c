from __future__ import annotations

import pytest
from harness.figures import Figure, ProcessFigures, Results, Visit
from harness.processes import Boot, CpuReading, Memory


def visit(contestant, number, *, cpu=10.0, rate=1000.0, faults=0):
    return Visit(contestant, "W1", number, cpu, rate, p50=1.0, p90=2.0, p99=4.0, faults=faults)


def test_a_figure_is_the_median_with_its_range():
    figure = Figure.of([3.0, 1.0, 2.0])
    assert figure == Figure(2.0, 1.0, 3.0)
    assert figure.spread == 1.0


def test_no_values_make_no_figure():
    assert Figure.of([]) is None


def test_the_cpu_ratio_is_work_per_cpu_second():
    results = Results([visit("rsgi", 0, cpu=10.0), visit("slow", 0, cpu=40.0)])
    assert results.ratio("slow", "W1", "cpu", "rsgi").median == 0.25


def test_the_rate_ratio_is_throughput():
    results = Results([visit("rsgi", 0, rate=1000.0), visit("slow", 0, rate=400.0)])
    assert results.ratio("slow", "W1", "rate", "rsgi").median == 0.4


def test_ratios_are_taken_inside_a_round_so_that_a_drift_cancels():
    drift = [1.0, 3.0, 2.0]
    visits = [visit("rsgi", number, cpu=10 * factor) for number, factor in enumerate(drift)]
    visits += [visit("peer", number, cpu=20 * factor) for number, factor in enumerate(drift)]
    assert Results(visits).ratio("peer", "W1", "cpu", "rsgi") == Figure(0.5, 0.5, 0.5)


def test_only_rounds_that_both_finished_are_compared():
    results = Results([visit("rsgi", 0), visit("rsgi", 1, cpu=99.0), visit("peer", 0, cpu=5.0)])
    assert results.ratio("peer", "W1", "cpu", "rsgi") == Figure(2.0, 2.0, 2.0)


def test_one_wrong_answer_voids_the_contestant_s_workload():
    results = Results([visit("rsgi", 0), visit("peer", 0), visit("peer", 1, faults=1)])
    assert results.figure("peer", "W1", "cpu") is None
    assert results.ratio("peer", "W1", "cpu", "rsgi") is None
    assert results.faults("peer", "W1") == 1


def test_boot_is_the_median_of_its_starts():
    figures = ProcessFigures([Boot(300, 30), Boot(100, 10), Boot(110, 11)])
    assert (figures.boot(), figures.boot_cpu()) == (110, 11)
    assert ProcessFigures().boot() is None


def test_loaded_memory_adds_what_was_gained_beside_the_others():
    assert Memory(40, 60).grown(Memory(30, 60), Memory(35, 66)) == Memory(45, 66)


def test_cpu_is_counted_in_nanoseconds_while_all_threads_live():
    earlier, later = CpuReading({1: 1_000_000, 2: 0}, 0), CpuReading({1: 3_000_000, 2: 0, 3: 500_000}, 0)
    assert later.seconds_since(earlier) == pytest.approx(0.0025)


def test_cpu_is_counted_in_ticks_when_a_thread_ended_and_took_its_nanoseconds_along():
    earlier, later = CpuReading({1: 1_000_000, 2: 9_000_000}, 100), CpuReading({1: 3_000_000}, 300)
    assert later.seconds_since(earlier) == pytest.approx(2.0)

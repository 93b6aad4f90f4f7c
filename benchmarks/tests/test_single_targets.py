from __future__ import annotations

import re

from cases import imports
from harness.contestants import BENCHMARKS
from harness.ledger import Ledger
from harness.single_targets import BUS, IMPORT_MEMORY, IMPORT_TIME, LIMITS, REFERENCES, RESOLUTION, judge


def words(*figures):
    ledger = Ledger({"date": "today"}, 10_000.0)
    for place, value, unit in figures:
        ledger.add(*place, value, unit)
    return {(each.workload, each.against): (each.value, each.word) for each in judge(ledger)}


def test_a_limit_is_the_number_that_its_words_name():
    for limit in LIMITS:
        (sign, number, unit) = re.fullmatch(r"(<=|>=) (\d+) ?(x|us|ms|MB)(?: .*)?", limit.wanted).groups()
        assert (sign == ">=") is (limit.at_least is not None) is (limit.at_most is None)
        assert (limit.at_least or limit.at_most) == float(number) * (1000 if unit == "us" else 1)


def test_a_target_is_met_at_its_limit_and_missed_beyond_it():
    graph, events = (
        ("DI: resolve a request-scoped graph of 10 providers", "dishka"),
        ("events: emit to 3 listeners", ""),
    )
    at = words((RESOLUTION, 2.0, "×"), (BUS, 3000.0, "ns"))
    assert (at[graph], at[events]) == (("2.00 ×", "met"), ("3,000 ns", "met"))
    beyond = words((RESOLUTION, 1.99, "×"), (BUS, 3001.0, "ns"))
    assert (beyond[graph], beyond[events]) == (("1.99 ×", "missed"), ("3,001 ns", "missed"))


def test_a_target_without_a_figure_is_not_measured():
    assert set(words().values()) == {("–", "not measured")}


def test_the_report_ends_with_the_targets_and_shows_what_asyncio_alone_costs_beside_them():
    ledger = Ledger({"date": "today"}, 10_000.0)
    for place, value, unit in (
        (IMPORT_TIME[0], 33.0, "ms"),
        (IMPORT_TIME[1], 12.0, "ms"),
        (IMPORT_MEMORY[0], 15.5, "MB"),
        (IMPORT_MEMORY[1], 8.0, "MB"),
    ):
        ledger.add(*place, value, unit)
    text = ledger.markdown(verdicts=judge(ledger))
    _, _, closing = text.partition("## Targets\n\n")
    assert closing.startswith("1 met, 1 missed, 4 not measured.\n\n")
    lines = [re.sub(r" +", " ", line) for line in closing.splitlines()]
    assert (
        "| the framework's own import, memory | | <= 8 MB over msgspec "
        "| 15.5 MB (8.0 MB: memory over msgspec and asyncio) | missed |"
    ) in lines
    assert (
        "| the framework's own import, time | | <= 40 ms over msgspec "
        "| 33.0 ms (12.0 ms: CPU time over msgspec and asyncio) | met |"
    ) in lines


def test_what_imports_are_compared_with_is_imported():
    assert set(REFERENCES) <= set(imports.statements(BENCHMARKS.parent / "packages"))

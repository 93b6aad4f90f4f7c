from __future__ import annotations

from harness.ledger import Ledger


def a_ledger(*, calibration=10_000.0, request=900.0, memory=8.0, instructions=None):
    ledger = Ledger({"date": "today"}, calibration)
    ledger.add("Requests", "W1", request, "ns", instructions)
    ledger.add("Memory", "import", memory, "MB")
    return ledger


def test_a_ledger_survives_being_written(tmp_path):
    ledger = a_ledger(instructions=4000.0)
    ledger.notes.append("nothing else")
    ledger.write(tmp_path / "a" / "base.json")
    assert Ledger.read(tmp_path / "a" / "base.json") == ledger


def test_groups_are_tables_of_their_own():
    text = a_ledger().markdown()
    assert "## Requests\n\n|    |    now |" in text
    assert "| W1 | 900 ns |" in text
    assert "8.0 MB" in text


def test_a_time_is_compared_relative_to_the_calibration():
    base, twice_as_slow_a_machine = a_ledger(), a_ledger(calibration=20_000.0, request=1800.0)
    assert "+0.0%" in twice_as_slow_a_machine.markdown(base)
    assert "+100.0%" in a_ledger(request=1800.0).markdown(base)


def test_memory_is_compared_as_it_is():
    assert "+50.0%" in a_ledger(calibration=20_000.0, request=1800.0, memory=12.0).markdown(a_ledger())


def test_instructions_are_compared_as_they_are():
    text = a_ledger(instructions=4100.0, calibration=20_000.0).markdown(a_ledger(instructions=4000.0))
    assert "4,100" in text
    assert "+2.5%" in text


def test_a_figure_without_a_base_is_new():
    ledger = a_ledger()
    ledger.add("Memory", "boot", 30.0, "MB")
    assert "new" in ledger.markdown(a_ledger())


def test_what_could_not_be_measured_is_named():
    ledger = a_ledger()
    ledger.notes.append("instructions: there is no C compiler")
    assert "- instructions: there is no C compiler" in ledger.markdown()

"""A history tells lost, duplicated, recovered and unexpected work apart."""

from __future__ import annotations

import os

import pytest

from nestpy_testing import History


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "history")
    yield history
    history.close()


def test_each_word_means_what_jepsen_means_by_it(history):
    log = {
        "fine": "sending sent started finished",
        "lost": "sending sent started",
        "duplicated": "sending sent started finished finished",
        "recovered": "sending started finished",
        "unexpected": "started finished",
        "restarted": "sending sent started failed started finished",
        "refused": "sending",
    }
    for key, kinds in log.items():
        for kind in kinds.split():
            history.record(kind, key, step=kind[0])
    report = history.check()
    found = (report.lost, report.duplicated, report.recovered, report.unexpected, report.restarted)
    assert found == (["lost"], ["duplicated"], ["recovered"], ["unexpected"], ["restarted"])
    assert str(report) == ("4 sent, 5 finished: 1 lost, 1 duplicated, 1 recovered, 1 unexpected, 1 restarted")
    with pytest.raises(AssertionError) as caught:
        report.expect_clean()
    assert str(caught.value).count("\n") == 3 + 5 + 2
    assert f"{os.getpid()} started lost step=s" in str(caught.value)


def test_empty_history_is_clean(history):
    report = history.check()
    report.expect_clean()
    assert (report.sent, report.events) == (0, [])


def test_line_that_was_cut_off_is_no_event(history):
    history.record("sent", "a")
    with history.path.open("ab") as file:
        file.write(b'{"at": 1.0, "pid"')
    assert [event.key for event in history.events()] == ["a"]

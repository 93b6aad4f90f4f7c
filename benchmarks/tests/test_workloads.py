from __future__ import annotations

import json

import pytest
from harness import contestants
from harness.workloads import DEFAULT, WORKLOADS, Exchange, chosen


def test_a_request_travels_with_its_length():
    sent = Exchange("/users", "POST", {"X-Name": "a"}, b'{"a":1}').encoded(8000)
    assert sent == (
        b"POST /users HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nX-Name: a\r\n"
        b'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    )


def test_what_is_put_under_load_has_exact_bytes():
    assert all(workload.loaded.answer is not None for workload in WORKLOADS)


def test_the_list_holds_a_hundred_objects():
    items = next(each for each in WORKLOADS if each.name == "W6").loaded.answer
    assert len(json.loads(items)) == 100


def test_the_default_is_w1_to_w7():
    assert [each.name for each in chosen(DEFAULT)] == list(DEFAULT)


def test_w9_stands_for_all_its_numbers_of_connections():
    assert [each.connections for each in chosen(["W9"])] == [1, 8, 64, 256]


def test_an_unknown_workload_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"There is no workload `W10`; there are W1, W2, .*"):
        chosen(["W10"])


def test_the_baseline_always_takes_part():
    assert [each.name for each in contestants.chosen(["starlette"])] == ["rsgi", "starlette"]


def test_an_unknown_contestant_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="There is no contestant `flask`"):
        contestants.chosen(["flask"])

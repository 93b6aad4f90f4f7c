"""The probes of `make soak`, short: bodies at their limit stay bounded, slow clients take little from others."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path

import pytest
from harness import probes
from harness.probes import Beside, Growth
from soak import judge_memory, judge_slow

CORE = min(os.sched_getaffinity(0))


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_bodies_at_their_limit_are_bounded_in_memory(tmp_path: Path) -> None:
    goals = judge_memory(probes.memory(tmp_path, CORE, 10))
    assert [str(goal) for goal in goals if not goal.met] == []


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_others_are_served_beside_slow_clients(tmp_path: Path) -> None:
    limits = {"HEADER_TIMEOUT": "2", "MAX_CONCURRENCY": "20", "MIN_BODY_RATE": "0"}
    with probes.serving(tmp_path, CORE, **{f"NESTPY_HTTP__{name}": value for name, value in limits.items()}) as server:
        slow = probes.SlowClients(server.port, heads=100, bodies=60, silent=20)
        slow.start()
        assert slow.ready.wait(60)
        try:
            until = time.monotonic() + 4
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            answers = 0
            while time.monotonic() < until:
                connection.request("GET", "/plaintext")
                answered = connection.getresponse().read() == b"Hello World"
                assert answered or not answers, "slow bodies shut others out"
                answers += answered
            connection.close()
            until = time.monotonic() + 30
            while slow.reconnected <= 50 and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            slow.stop()
    assert answers > 10
    assert slow.reconnected > 50, "the server keeps connections that say nothing"


def test_goals_are_judged_by_the_limit_and_the_median() -> None:
    growths = {
        "bytes": Growth(1.0, 10, 4.1, 30.0, frozenset({200})),
        "JSON": Growth(1.0, 10, 20.0, 73.0, frozenset({400})),
    }
    assert [goal.met for goal in judge_memory(growths)] == [False, True, True, False, True]
    found = [Beside(0.95, 1.0, 0), Beside(0.5, 9.0, 0), Beside(0.91, 2.9, 1)]
    assert [goal.met for goal in judge_slow(found, 5)] == [True, True, False]

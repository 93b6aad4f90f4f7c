from __future__ import annotations

from harness.figures import ProcessFigures, Results, Visit
from harness.processes import Boot, Memory
from harness.targets import ALL, BEST, RATIOS, best_framework, judge


def results(**cpu):
    return Results([Visit(name, "W5", 0, value, 1.0, 1.0, 1.0, 1.0) for name, value in cpu.items()])


def verdict(run, against):
    return next(each for each in judge(run, ["W5"]) if each.against == against)


def test_every_peer_has_a_target_for_every_workload():
    peers = {target.against for target in RATIOS}
    assert {(target.against, target.workload) for target in RATIOS} == {(peer, name) for peer in peers for name in ALL}
    assert peers == {"rsgi", "fastapi", "litestar", BEST, "nest-express", "nest-fastify"}


def test_a_target_is_met_at_its_limit():
    assert verdict(results(rsgi=9.0, nestpy=10.0), "rsgi").word == "met"


def test_a_target_is_missed_below_its_limit():
    missed = verdict(results(rsgi=8.9, nestpy=10.0), "rsgi")
    assert (missed.word, missed.value, missed.wanted) == ("missed", "0.89", "≥ 0.9")


def test_a_target_without_a_measurement_is_neither():
    assert verdict(results(rsgi=9.0), "rsgi").word == "not measured"


def test_the_best_framework_is_the_one_hardest_to_beat():
    run = results(nestpy=10.0, starlette=30.0, blacksheep=11.0, litestar=90.0, rsgi=9.0)
    assert best_framework(run, "W5") == "blacksheep"
    assert verdict(run, BEST).detail == "1.10–1.10 blacksheep"


def test_only_workloads_that_were_asked_for_are_judged():
    assert {each.workload for each in judge(results(), ["W1"])} == {"W1", ""}


def test_memory_and_boot_have_limits_of_their_own():
    run = results()
    run.processes["nestpy"] = ProcessFigures([Boot(151.0, 100.0)], Memory(37.0, 66.0))
    run.processes["rsgi"] = ProcessFigures([Boot(90.0, 80.0)])
    run.processes["fastapi"] = ProcessFigures([Boot(500.0, 400.0)])
    limits = {each.against: each.word for each in judge(run, []) if not each.workload}
    assert limits == {
        "idle memory, PSS": "met",
        "idle memory, RSS": "missed",
        "boot, 300 routes (raw RSGI here: 90)": "missed",
        "boot's CPU over the best of its peers (fastapi)": "met",
    }

from __future__ import annotations

import json
from dataclasses import replace

from harness.figures import ProcessFigures, Results, Visit
from harness.processes import Boot, Memory
from harness.report import Report, table
from harness.targets import judge


def a_report():
    results = Results([Visit("rsgi", "W1", 0, 10, 5000, 1, 2, 3), Visit("peer", "W1", 0, 20, 2500, 2, 4, 6)])
    results.processes["rsgi"] = ProcessFigures([Boot(100, 90)], Memory(30, 60), Memory(33, 63))
    results.processes["peer"] = ProcessFigures([Boot(250, 90)], Memory(60, 60), None)
    results.refusals["late", "W1"] = ["GET /plaintext: status 500, not 200"]
    return Report(
        circumstances={"date": "today", "processor": "a fast one"},
        versions={"rsgi": {"granian": "1.0"}},
        titles={"rsgi": "raw", "peer": "Peer", "late": "Late", "nestpy": "NestPy", "rsgi-tuned": "raw, tuned"},
        method="Carefully.",
        workloads={"W1": "text"},
        results=results,
        verdicts=judge(results, ["W1"]),
    )


def test_a_table_lines_up():
    lines = table(["", "W1"], [["raw", "1"], ["other", "1,000"]]).splitlines()
    assert lines == ["|       |    W1 |", "| :---- | ----: |", "| raw   |     1 |", "| other | 1,000 |"]


def test_it_begins_with_machine_date_versions_and_method():
    text = a_report().markdown()
    positions = [text.index(part) for part in ("today", "a fast one", "granian 1.0", "Carefully.", "## CPU")]
    assert positions == sorted(positions)


def test_cpu_stands_before_requests_per_second():
    headings = [line for line in a_report().markdown().splitlines() if line.startswith("## ")]
    assert [heading.split()[1] for heading in headings[:3]] == ["CPU", "Requests", "Median"]


def test_every_figure_stands_beside_its_ratio_to_raw_rsgi():
    text = a_report().markdown()
    assert "20.0 (0.50)" in text
    assert "2,500 (0.50)" in text
    assert "60.0 (2.00)" in text
    assert "250 (2.50)" in text


def test_what_the_framework_costs_is_told_apart_from_what_its_settings_give():
    report = a_report()
    assert "what the framework costs" not in report.markdown()
    report.results.visits.append(Visit("nestpy", "W1", 0, 10, 5000, 1, 2, 3))
    report.results.visits.append(Visit("rsgi-tuned", "W1", 0, 9, 5000, 1, 2, 3))
    assert "| rsgi-tuned | 0.90 |" in report.markdown()


def test_what_was_not_measured_says_why():
    assert "- Late, W1: GET /plaintext: status 500, not 200" in a_report().markdown()


def test_the_data_holds_every_visit_and_is_json():
    data = json.loads(json.dumps(a_report().data()))
    assert len(data["visits"]) == 2
    assert data["refusals"] == [
        {"contestant": "late", "workload": "W1", "reasons": ["GET /plaintext: status 500, not 200"]}
    ]


def test_faults_stand_where_a_figure_would_and_one_is_a_fault():
    report = a_report()
    visits = report.results.visits
    visits[1] = replace(visits[1], faults=1)
    assert " 1 fault |" in report.markdown()
    visits[1] = replace(visits[1], faults=2)
    assert " 2 faults |" in report.markdown()

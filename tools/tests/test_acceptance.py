"""A row without proof is seen."""

from pathlib import Path

import acceptance


def _project(root: Path, rows: str) -> Path:
    (root / "tests").mkdir()
    (root / "tests/acceptance.toml").write_text(rows)
    (root / "tests/test_a.py").write_text("def test_one(): ...\nasync def test_two(): ...\n")
    return root


def test_every_row_of_the_project_names_tests_that_exist():
    assert acceptance.check() == []


def test_a_row_without_a_test_and_a_test_that_does_not_exist_are_found(tmp_path):
    root = _project(
        tmp_path,
        "[x]\nempty = []\n" + 'gone = ["tests/test_a.py::test_three"]\n' + 'good = ["tests/test_a.py::test_two"]\n',
    )
    assert acceptance.check(root) == [
        "tests/acceptance.toml: `x: empty` names no test",
        "tests/acceptance.toml: `x: gone` names tests/test_a.py::test_three, which does not exist",
    ]


def test_a_test_that_did_not_pass_proves_nothing(tmp_path):
    root = _project(tmp_path, '[x]\none = ["tests/test_a.py::test_one"]\nfile = ["tests/test_a.py"]\n')
    assert acceptance.unproven(["tests/test_a.py::test_two"], root) == ["x: one: tests/test_a.py::test_one"]
    assert acceptance.unproven(["tests/test_a.py::test_one"], root) == []

import sys
from pathlib import Path

import pytest
from matrix import interpreters

pytestmark = pytest.mark.e2e


def planted(directory: Path, name: str, script: str) -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_the_interpreter_that_runs_this_test_is_found() -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert interpreters([Path(sys.executable).parent])[version].exists()


def test_the_newest_patch_of_each_version_wins_wherever_it_is(tmp_path) -> None:
    planted(tmp_path / "a", "python3.12", "echo cpython final 3 12 1 0 /a/python3.12")
    planted(tmp_path / "b", "python3", "echo cpython final 3 12 10 0 /b/python3")
    planted(tmp_path / "b", "python3.13", "echo cpython final 3 13 0 0 /b/python3.13")
    found = interpreters([tmp_path / "a", tmp_path / "b"])
    assert found == {"3.12": Path("/b/python3"), "3.13": Path("/b/python3.13")}


@pytest.mark.parametrize(
    "script",
    [
        "echo 'pyenv: python3.12: command not found' >&2; exit 127",
        "echo cpython final 3 10 9 0 /x",
        "echo pypy final 3 11 9 0 /x",
        "echo cpython beta 3 14 0 0 /x",
        "echo cpython final 3 13 0 1 /x",
    ],
    ids=["broken shim", "too old", "another implementation", "a preview", "free-threaded"],
)
def test_what_cannot_run_the_tests_does_not_count(tmp_path, script) -> None:
    planted(tmp_path, "python3.12", script)
    assert interpreters([tmp_path]) == {}


def test_other_programs_of_a_bin_directory_are_not_started(tmp_path) -> None:
    planted(tmp_path, "python3.12-config", f"touch {tmp_path}/started")
    interpreters([tmp_path])
    assert not (tmp_path / "started").exists()

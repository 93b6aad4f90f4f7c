import subprocess

import pytest
from check_leftovers import check, leftovers


@pytest.mark.parametrize(
    "line",
    [
        "# TODO: later",
        "x = 1  # FIXME",
        "path = '/root/.cache'",
        "see /home/someone/notes",
        "cd /Users/someone",
        "in /work/main/packages",
        "<<<<<<< ours",
        "    breakpoint()",
    ],
)
def test_a_leftover_is_named(tmp_path, line) -> None:
    file = tmp_path / "file.txt"
    file.write_text(f"first\n{line}\n")
    (problem,) = leftovers(file)
    assert problem.startswith(f"{file}:2: ")


@pytest.mark.parametrize(
    "line",
    ["method", "GET /work/17", "https://example.org/home/x", "${HOME}/root/", "packages/work/main", "/rooted", "=" * 7],
)
def test_ordinary_text_is_none(tmp_path, line) -> None:
    file = tmp_path / "file.txt"
    file.write_text(line)
    assert list(leftovers(file)) == []


@pytest.mark.e2e
def test_only_committed_files_of_our_own_count(tmp_path) -> None:
    (tmp_path / "tracked.py").write_text("# TODO\n")
    (tmp_path / "_vendor").mkdir()
    (tmp_path / "_vendor" / "bundle.js").write_text("// TODO\n")
    (tmp_path / "untracked.py").write_text("# TODO\n")
    for command in (["init", "--quiet"], ["add", "tracked.py", "_vendor"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert check(tmp_path) == [f"{tmp_path}/tracked.py:1: `TODO` is a note to self"]

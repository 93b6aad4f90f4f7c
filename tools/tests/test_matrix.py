import sys
import sysconfig
from pathlib import Path

import pytest
from matrix import PASSED, interpreters, main, prepare, run

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


HERE = Path(sys.executable).resolve()


@pytest.fixture
def root(tmp_path) -> Path:
    """A monorepo of its own that installs nothing and sees this environment's pytest; `-k` selects how a run ends."""
    link = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (tmp_path / "hatch.toml").write_text("[envs.default]\ndependencies = [\"absent; python_version < '3'\"]\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "import os, signal, sys\n"
        f"def test_right(): assert sys.prefix.startswith({str(tmp_path / '.matrix')!r})\n"
        "def test_wrong(): assert False\n"
        "def test_killed(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    purelib = prepare("own", HERE, tmp_path).parent.parent / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (purelib / "link.pth").write_text(f"{link}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("selected", "result"),
    [
        ("right", PASSED),
        ("right or wrong", "failed (1)"),
        ("killed", "ended by SIGKILL"),
        ("absent", "no test was selected"),
    ],
)
def test_a_run_says_how_it_ended(root, selected, result) -> None:
    assert run("own", HERE, ["-q", "-k", selected], root) == result


def test_an_environment_that_cannot_be_made_is_named_with_its_reason_and_stops_no_other(root, capfd) -> None:
    (root / "hatch.toml").write_text(
        '[envs.default]\ndependencies = ["absent @ file:///nowhere/absent-1-cp39-cp39-linux_x86_64.whl"]\n'
    )
    result = run("own", HERE, [], root)
    assert result.startswith("not run, because its environment cannot be made: ")
    assert "absent-1-cp39" in result
    assert "absent-1-cp39" in capfd.readouterr().err


def test_an_environment_of_another_interpreter_is_made_anew(root) -> None:
    (root / ".matrix" / "own" / "bin" / "python").unlink()
    (root / ".matrix" / "own" / "bin" / "python").symlink_to("/bin/sh")
    assert prepare("own", HERE, root).resolve() == HERE


def test_the_end_names_each_version_and_fails_when_one_does(root, tmp_path, capsys) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    own = planted(tmp_path / "bin", "python3", f"echo cpython final {version.replace('.', ' ')} 0 0 {HERE}").parent
    (root / ".matrix" / "own").rename(root / ".matrix" / version)
    assert main(["-q", "-k", "right"], root, [own]) == 0
    planted(own, "python3.99", "echo cpython final 3 99 0 0 /nowhere/python3.99")
    assert main(["-q", "-k", "right"], root, [own]) == 1
    end = capsys.readouterr().out.splitlines()[-2:]
    assert end[0] == f"CPython {version}: passed"
    assert end[1].startswith("CPython 3.99: not run, because its environment cannot be made: ")
    assert "/nowhere/python3.99" in end[1]

"""Install the contestants outside the project's environment, under `.bench/`, once for each change of their pins."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.contestants import BENCHMARKS, CONTESTANTS, INSTALLED, NEST, OWN_PYTHON, PYTHON, Contestant

_REQUIREMENTS = BENCHMARKS / "contestants" / "requirements.txt"
_NEST_SOURCES = BENCHMARKS / "contestants" / "nestjs"
_STAMP = ".nestpy-stamp"


class SetupError(Exception):
    """An environment for contestants could not be made."""


def prepare(needs: Iterable[str]) -> dict[str, str]:
    """Make the environments that are wanted.

    Returns:
        The reason by environment for each that cannot be had here; its contestants are then left out.
    """
    INSTALLED.mkdir(exist_ok=True)
    (INSTALLED / ".gitignore").write_text("*\n")
    makers = {"python": _prepare_python, "node": _prepare_node, "project": _prepare_project}
    missing = {}
    for need in sorted(set(needs)):
        try:
            makers[need]()
        except SetupError as error:
            missing[need] = str(error)
    return missing


def versions(contestant: Contestant) -> dict[str, str]:
    """The installed versions of the contestant's distributions."""
    if contestant.needs == "node":
        return {name: _node_version(name) for name in contestant.distributions}
    interpreter = PYTHON if contestant.needs == "python" else OWN_PYTHON
    script = "import json, sys, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    done = subprocess.run(
        [interpreter, "-c", script, *contestant.distributions], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _node_version(name: str) -> str:
    file = NEST / "node_modules" / name / "package.json"
    return str(json.loads(file.read_text(encoding="utf-8"))["version"])


def _prepare_python() -> None:
    python_environment(PYTHON, _REQUIREMENTS)


def python_environment(python: Path, requirements: Path) -> None:
    """Make the environment of an interpreter, unless it has these requirements already."""
    title = f"the Python contestants of {requirements.name}"
    _virtual_environment(python, title, requirements.read_bytes(), ["--requirement", str(requirements)])


def project_environment(python: Path, *names: str) -> None:
    """Make an environment of distributions of this project, as they stand, what these need, and nothing else."""
    places = [BENCHMARKS.parent / "packages" / name for name in names]
    declared = b"".join((place / "pyproject.toml").read_bytes() for place in places)
    editable = [part for place in places for part in ("--editable", str(place))]
    _virtual_environment(python, ", ".join(names), declared, editable)


def _virtual_environment(python: Path, title: str, declared: bytes, wanted: Sequence[str]) -> None:
    key = hashlib.sha256(declared + sys.version.encode()).hexdigest()
    environment = python.parent.parent
    if _stamped(environment, key):
        return
    print(f"Installing {title} …", file=sys.stderr, flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(environment)])
    _run([str(python), "-m", "pip", "install", "--quiet", *wanted])
    _stamp(environment, key)


def node_environment(place: Path, sources: Path, *commands: Sequence[str]) -> None:
    """Copy *sources*, install what their package.json names and run *commands* there, unless that was done already.

    Raises:
        SetupError: there is no Node, or a command fails.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise SetupError(f"`{program}` is not on PATH; contestants from Node need version 20 or later")
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    node = subprocess.run(["node", "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(b"".join(path.read_bytes() for path in files) + node).hexdigest()
    if _stamped(place, key):
        return
    print(f"Installing the contestants of {sources.name} …", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(sources, place)
    _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], place)
    for command in commands:
        _run(command, place)
    _stamp(place, key)


def _prepare_node() -> None:
    node_environment(NEST, _NEST_SOURCES, ["npm", "run", "--silent", "build"])


def _prepare_project() -> None:
    project_environment(OWN_PYTHON, "nestpy-core", "nestpy-http")


def _stamped(environment: Path, key: str) -> bool:
    stamp = environment / _STAMP
    return stamp.exists() and stamp.read_text() == key


def _stamp(environment: Path, key: str) -> None:
    (environment / _STAMP).write_text(key)


def _run(command: Sequence[str], directory: Path | None = None) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise SetupError(f"`{' '.join(Path(part).name for part in command[:4])} …` failed:\n{said}")


if __name__ == "__main__":
    problems = prepare(contestant.needs for contestant in CONTESTANTS)
    for need, reason in problems.items():
        print(f"{need}: {reason}", file=sys.stderr)
    sys.exit(1 if problems else 0)

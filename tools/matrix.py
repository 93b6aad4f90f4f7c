"""Run the tests on every CPython >= 3.11 of this machine, each in an environment of its own under .matrix/.

    python tools/matrix.py [pytest arguments]

Only real interpreters count: version managers put shims on PATH that exist for versions they cannot run, so each
candidate is started and asked who it is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

from workspace import ROOT

FLOOR = (3, 11)

MEMBERS = ("packages/*", "examples/db", "examples/plugins/*")

_QUESTION = """
import sys, sysconfig
free_threaded = int(bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
print(sys.implementation.name, sys.version_info.releaselevel, *sys.version_info[:3], free_threaded, sys.executable)
"""
PASSED = "passed"
_ENDS = {0: PASSED, 5: "no test was selected"}
_EXECUTABLE = re.compile(r"python3(\.\d+)?")


class UnpreparedError(Exception):
    """`uv` could not make an environment: a dependency has no wheel for this version and cannot be built, for one.

    Its text is the first paragraph of what `uv` said, in one line; all of it has been printed.
    """

    def __init__(self, output: str) -> None:
        super().__init__(" ".join(output.strip().partition("\n\n")[0].split()) or "`uv` did not say why")


def interpreters(directories: list[Path] | None = None) -> dict[str, Path]:
    """The newest patch of each CPython minor version at or above the floor, as `{"3.11": path}`.

    Args:
        directories: where to look; by default every directory on PATH and each version that pyenv holds.
    """
    newest: dict[tuple[int, int], tuple[int, Path]] = {}
    candidates = (file for directory in directories or _directories() for file in sorted(directory.glob("python3*")))
    for candidate in candidates:
        if not _EXECUTABLE.fullmatch(candidate.name) or (answer := _ask(candidate)) is None:
            continue
        (major, minor, patch), executable = answer
        if (major, minor) >= FLOOR and patch > newest.get((major, minor), (-1, executable))[0]:
            newest[major, minor] = patch, executable
    return {f"{major}.{minor}": newest[major, minor][1] for major, minor in sorted(newest)}


def _directories() -> list[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    return [*dict.fromkeys([*on_path, *sorted(pyenv.glob("versions/*/bin"))])]


def _ask(candidate: Path) -> tuple[tuple[int, int, int], Path] | None:
    """The version of a final CPython with a GIL and its real path; None for anything else, broken shims included."""
    try:
        done = subprocess.run([candidate, "-c", _QUESTION], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.strip().split(" ", 6)
    if done.returncode or len(words) != 7 or words[0] != "cpython" or words[1] != "final" or words[5] != "0":
        return None
    return (int(words[2]), int(words[3]), int(words[4])), Path(words[6])


def prepare(version: str, interpreter: Path, root: Path = ROOT) -> Path:
    """Create or refresh the environment of one version and return its interpreter."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        message = "`uv` is missing from the environment. Hint: run `make setup`"
        raise FileNotFoundError(message)
    environment = root / ".matrix" / version
    python = environment / "bin" / "python"
    if python.resolve() != interpreter.resolve():
        _check(uv, "venv", "--quiet", "--clear", "--python", interpreter, environment)
    configuration = tomllib.loads((root / "hatch.toml").read_text(encoding="utf-8"))
    wanted: list[str] = configuration["envs"]["default"]["dependencies"]
    found = [file.parent for pattern in MEMBERS for file in sorted(root.glob(f"{pattern}/pyproject.toml"))]
    members = [word for path in found for word in ("--editable", str(path))]
    _check(uv, "pip", "install", "--quiet", "--python", python, *wanted, *members)
    return python


def _check(*command: str | Path) -> None:
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise UnpreparedError(done.stderr)


def run(version: str, interpreter: Path, arguments: list[str], root: Path = ROOT) -> str:
    """Run the tests on one version and say in a few words how that went: `PASSED`, or what is wrong."""
    try:
        python = prepare(version, interpreter, root)
    except UnpreparedError as error:
        return f"not run, because its environment cannot be made: {error}"
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command: list[str | Path] = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    code = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return _ENDS.get(code, f"failed ({code})")


def main(arguments: list[str], root: Path = ROOT, directories: list[Path] | None = None) -> int:
    """Run the matrix and print one line for each version at the end; 1 where one did not pass."""
    found = interpreters(directories)
    if not found:
        print("No CPython >= 3.11 found on PATH or among pyenv's versions.")
        return 1
    results = {}
    for version, interpreter in found.items():
        print(f"\n=== CPython {version}: {interpreter}", flush=True)
        results[version] = run(version, interpreter, arguments, root)
    print()
    for version, result in results.items():
        print(f"CPython {version}: {result}")
    return int(any(result != PASSED for result in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

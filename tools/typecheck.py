"""Check every source with mypy --strict and pyright, side by side.

Each example is an application of its own with a `main.py`, so mypy sees them one after the other; one run over all
would find two modules of one name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workspace import ROOT


def commands(root: Path = ROOT) -> list[tuple[list[str], Path]]:
    """The commands to run, each with its working directory; those of mypy share a cache and must not overlap."""
    sources = [*root.glob("packages/*/src"), *root.glob("packages/*/typing_tests"), root / "typing_tests"]
    main = [str(path.relative_to(root)) for path in sorted(sources) if any(path.rglob("*.py"))]
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml")]
    mypy += ["--cache-dir", str(root / ".mypy_cache")]
    runs = [([*mypy, *main, "tools", "conftest.py", "--exclude", "(^|/)(tests|template)/"], root)]
    runs += [([*mypy, ".", "--exclude", "(^|/)tests/"], example) for example in _applications(root)]
    return runs


def _applications(root: Path) -> list[Path]:
    found = {file.parent for file in root.glob("examples/**/*.py") if "tests" not in file.relative_to(root).parts}
    tops = sorted(path for path in found if not any(parent in found for parent in path.parents))
    return [path.parent if path.name == "src" else path for path in tops]


def _mypy() -> tuple[str, int]:
    printed, worst = [], 0
    for command, directory in commands():
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        where = "packages and tools" if directory == ROOT else directory.relative_to(ROOT).as_posix()
        printed.append(f"mypy {where}: {done.stdout}{done.stderr}")
        worst = max(worst, done.returncode)
    return "".join(printed), worst


def _pyright() -> tuple[str, int]:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    command = [sys.executable, "-m", "pyright", "--warnings"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    return f"pyright: {done.stdout}{done.stderr}", done.returncode


def main() -> int:
    """Run both checkers, print what they say, and fail when either does."""
    with ThreadPoolExecutor() as pool:
        results = [future.result() for future in [pool.submit(_mypy), pool.submit(_pyright)]]
    print("\n".join(text.strip() for text, _ in results))
    return max(code for _, code in results)


if __name__ == "__main__":
    sys.exit(main())

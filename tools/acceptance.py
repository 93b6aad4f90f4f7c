"""Says which acceptance rows have no proof: a test that does not exist, or that did not run and pass."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows(root: Path = ROOT) -> Iterator[tuple[str, list[str]]]:
    """Yield each row of ``tests/acceptance.toml`` with its tests, as pytest names them without parameters."""
    file = root / "tests/acceptance.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for section, table in tables.items():
        for row, tests in table.items():
            yield f"{section}: {row}", [_expanded(root, test) for test in tests]


def _expanded(root: Path, test: str) -> str:
    """Read ``http/test_x.py`` as the test of the distribution that is called so."""
    head, slash, rest = test.partition("/")
    directory = f"packages/nestpy-{head}/tests"
    return f"{directory}{slash}{rest}" if slash and (root / directory).is_dir() else test


def check(root: Path = ROOT) -> list[str]:
    """Return one line for each row without a test, and for each test that does not exist."""
    found = []
    for row, tests in rows(root):
        if not tests:
            found.append(f"tests/acceptance.toml: `{row}` names no test")
        missing = [test for test in tests if not _exists(root, test)]
        found += [f"tests/acceptance.toml: `{row}` names {test}, which does not exist" for test in missing]
    return found


def _exists(root: Path, test: str) -> bool:
    path, _, name = test.partition("::")
    if not name:
        return (root / path).exists()
    file = root / path
    return file.is_file() and name in {
        node.name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def unproven(passed: Collection[str], root: Path = ROOT) -> list[str]:
    """Return the rows of which a test is not among *passed*, the names of passed tests without parameters."""
    return [
        f"{row}: {test}"
        for row, tests in rows(root)
        for test in tests
        if not any(name == test or name.startswith((f"{test}::", f"{test}/")) for name in passed)
    ]

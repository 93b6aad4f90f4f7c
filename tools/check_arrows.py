"""Refuse a dependency between distributions that the design does not draw.

Every arrow points to nestpy-core. The only others are in `EXTRA_ARROWS`; capabilities meet each other through contracts
in core. Both the metadata and every import count, those inside functions and under `TYPE_CHECKING` too. An import takes
what the sibling shows to everybody, in sources and tests: never one of its underscored modules or names. Examples do so
too.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from workspace import required_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from workspace import Distribution

CORE = "nestpy-core"

EXTRA_ARROWS = frozenset(
    {
        ("nestpy-graphql", "nestpy-http"),
        ("nestpy-health", "nestpy-http"),
        ("nestpy-mcp", "nestpy-http"),
        ("nestpy-openapi", "nestpy-http"),
    }
)


def is_drawn(source: str, target: str) -> bool:
    """Whether a distribution may depend on another one."""
    return source == target or (target == CORE and source != CORE) or (source, target) in EXTRA_ARROWS


def check(distribution: Distribution) -> list[str]:
    """Name every undrawn arrow, every import that the metadata does not cover, and every one of a private name."""
    return [*_metadata_problems(distribution), *_import_problems(distribution), *_private_problems(distribution)]


def _siblings(distribution: Distribution) -> set[str]:
    names = {required_name(requirement) for requirement in distribution.requirements}
    return {name for name in names if name.startswith("nestpy-")}


def _metadata_problems(distribution: Distribution) -> Iterator[str]:
    for name in sorted(_siblings(distribution)):
        if not is_drawn(distribution.name, name):
            yield f"{distribution.path / 'pyproject.toml'}: `{distribution.name}` must not depend on `{name}`"


def _import_problems(distribution: Distribution) -> Iterator[str]:
    required = _siblings(distribution)
    for file in sorted(distribution.source.rglob("*.py")):
        for line, imported in imported_siblings(file):
            if not is_drawn(distribution.name, imported):
                yield f"{file}:{line}: `{distribution.name}` must not import `{imported}`"
            elif imported not in {distribution.name, *required}:
                yield f"{file}:{line}: imports `{imported}`, which pyproject.toml does not require"


def check_examples(examples: Path) -> list[str]:
    """Name every import of a private name in what shows users how to write an application or a plugin."""
    owners = {package.parent.name.replace("_", "-") for package in examples.rglob("src/*/__init__.py")}
    files = sorted(file for file in examples.rglob("*.py") if "tests" not in file.relative_to(examples).parts)
    return [problem for file in files for problem in _private_imports(file, owners)]


def _private_problems(distribution: Distribution) -> Iterator[str]:
    for folder in (distribution.source, distribution.path / "tests"):
        for file in sorted(folder.rglob("*.py")):
            yield from _private_imports(file, {distribution.name})


def _private_imports(file: Path, own: Container[str]) -> Iterator[str]:
    for line, name in imported_names(file):
        sibling = _distribution_of(name)
        if sibling not in own and any(_is_private(part) for part in name.split(".")):
            yield f"{file}:{line}: imports `{name}`, which is private to `{sibling}`"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def imported_siblings(file: Path) -> Iterator[tuple[int, str]]:
    """Each line of a module that imports from a `nestpy_…` package, with that distribution's name."""
    found = {(line, _distribution_of(name)): None for line, name in imported_names(file)}
    return iter(found)


def imported_names(file: Path) -> Iterator[tuple[int, str]]:
    """Each line of a module that imports from a `nestpy_…` package, with the whole dotted name of what it takes.

    `importlib.import_module("nestpy_…")` and `__import__("nestpy_…")` with a literal count as imports.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    for node in ast.walk(tree):
        for name in _imported_names(node):
            if name.startswith("nestpy_"):
                yield getattr(node, "lineno", 0), name


def _distribution_of(name: str) -> str:
    return name.partition(".")[0].replace("_", "-")


def _imported_names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0, names=names):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            return [module]
        case _:
            return []

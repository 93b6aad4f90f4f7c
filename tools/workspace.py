"""Where the monorepo's distributions are and what their pyproject.toml files say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

_NAME_END = re.compile(r"[\s\[<>=!~;(]")


@dataclass(frozen=True)
class Distribution:
    """A directory with a pyproject.toml, under `packages/` as a rule."""

    path: Path

    @property
    def name(self) -> str:
        """The distribution's name, which is its directory's: `nestpy-http`."""
        return self.path.name

    @property
    def short_name(self) -> str:
        """The name without its prefix: `http`."""
        return self.name.removeprefix("nestpy-")

    @property
    def import_name(self) -> str:
        """The name to import: `nestpy_http`."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """The import package's directory."""
        return self.path / "src" / self.import_name

    @cached_property
    def metadata(self) -> dict[str, Any]:  # TOML is untyped until someone looks
        """The parsed pyproject.toml."""
        return tomllib.loads((self.path / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def version(self) -> str:
        """The version as `major.minor.patch`."""
        return str(self.metadata["project"]["version"])

    @property
    def minor(self) -> str:
        """The part of the version that all distributions share: `0.1`."""
        return ".".join(self.version.split(".")[:2])

    @property
    def description(self) -> str:
        """The one line that says what the distribution gives."""
        return str(self.metadata["project"]["description"])

    @property
    def requirements(self) -> list[str]:
        """Every requirement, those of the extras included, as written."""
        project = self.metadata["project"]
        extras = project.get("optional-dependencies", {}).values()
        return [*project.get("dependencies", ()), *(requirement for extra in extras for requirement in extra)]


def distributions(root: Path = ROOT) -> list[Distribution]:
    """Every distribution under `packages/`, core first, then by name."""
    found = [Distribution(file.parent) for file in (root / "packages").glob("*/pyproject.toml")]
    return sorted(found, key=lambda each: (each.name != "nestpy-core", each.name))


def companions(root: Path = ROOT) -> list[Distribution]:
    """Every distribution under `examples/`: those that only the examples share, and the third party's plugins."""
    return [Distribution(file.parent) for file in sorted((root / "examples").rglob("pyproject.toml"))]


def required_name(requirement: str) -> str:
    """The name at the start of a requirement: `nestpy-core` of `nestpy-core>=0.1,<0.2`."""
    name = _NAME_END.split(requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def next_minor(minor: str) -> str:
    """The minor version after this one: `0.2` after `0.1`."""
    major, _, number = minor.partition(".")
    return f"{major}.{int(number) + 1}"

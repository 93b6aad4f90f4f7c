"""Compare each distribution's pyproject.toml with the template, and sibling ranges with the common minor version."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from new_package import TEMPLATE, render
from workspace import next_minor, required_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workspace import Distribution

ALLOWED = frozenset(
    {
        "project.dependencies",
        "project.description",
        "project.entry-points.pytest11",
        "project.keywords",
        "project.optional-dependencies",
        "project.scripts",
        "project.version",
        "tool.hatch.build.targets.wheel.artifacts",
        "tool.hatch.build.targets.wheel.force-include",
    }
)
"""Dotted keys that a distribution decides for itself; everything below them is its own as well."""

_ENTRY_POINTS = "project.entry-points.nestpy"


def check_template(distribution: Distribution) -> list[str]:
    """Name every key outside `ALLOWED` that differs from the template.

    The `nestpy` entry point is demanded exactly when the distribution has a `_plugin.py`.
    """
    text = (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8")
    rendered = render(text, name=distribution.name, description="…", version=distribution.version)
    wanted = dict(_leaves(tomllib.loads(rendered)))
    if not (distribution.source / "_plugin.py").exists():
        wanted = {key: value for key, value in wanted.items() if not key.startswith(_ENTRY_POINTS)}
    found = dict(_leaves(distribution.metadata))
    file = distribution.path / "pyproject.toml"
    problems = [
        f"{file}: `{key}` {_difference(wanted, found, key)}"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key) and not _is_allowed(key)
    ]
    return problems + _unstated(distribution)


def _unstated(distribution: Distribution) -> list[str]:
    """What the template asks for but leaves to the distribution to fill; its changelog has a check of its own."""
    file = distribution.path / "pyproject.toml"
    problems = []
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", distribution.version):
        problems.append(f"{file}: `project.version` must be `major.minor.patch`, not `{distribution.version}`")
    if not distribution.description.endswith("."):
        problems.append(f"{file}: `project.description` must be a sentence with a full stop")
    problems += [
        f"{distribution.path / name}: is missing"
        for name in ("README.md", "LICENSE", f"src/{distribution.import_name}/py.typed")
        if not (distribution.path / name).is_file()
    ]
    return problems + _licence(distribution)


def _licence(distribution: Distribution) -> list[str]:
    own, common = (path / "LICENSE" for path in (distribution.path, distribution.path.parents[1]))
    copied = not own.is_file() or own.read_bytes() == common.read_bytes()
    return [] if copied else [f"{own}: must be a copy of {common}"]


def check_siblings(all_of_them: Sequence[Distribution]) -> list[str]:
    """Name every distribution off the common minor version and every sibling range that is not exactly that minor."""
    problems = []
    minor = all_of_them[0].minor if all_of_them else ""
    for distribution in all_of_them:
        file = distribution.path / "pyproject.toml"
        if distribution.minor != minor:
            problems.append(f"{file}: `project.version` must be {minor}.x like `{all_of_them[0].name}`'s")
        problems += check_ranges(distribution, minor)
    return problems


def check_ranges(distribution: Distribution, minor: str) -> list[str]:
    """Name every requirement of a sibling that is not exactly this minor version."""
    return [
        f"{distribution.path / 'pyproject.toml'}: `{requirement}` must be `{wanted}`"
        for requirement in distribution.requirements
        if (wanted := _sibling_range(requirement, minor)) is not None and wanted != requirement
    ]


def _sibling_range(requirement: str, minor: str) -> str | None:
    name = required_name(requirement)
    if not name.startswith("nestpy-"):
        return None
    extras = re.search(r"\[[^\]]*\]", requirement)
    return f"{name}{extras[0] if extras else ''}>={minor},<{next_minor(minor)}"


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_allowed(key: str) -> bool:
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in ALLOWED)


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any], key: str) -> str:
    one, other = wanted.get(key), found.get(key)
    if not (isinstance(one, list) and isinstance(other, list)):
        return f"must be {_shown(wanted, key)}, not {_shown(found, key)}"
    lacks = [f"lacks `{item}`" for item in one if item not in other]
    holds = [f"must not hold `{item}`" for item in other if item not in one]
    return " and ".join([*lacks, *holds]) or f"must be in the template's order, {_shown(wanted, key)}"


def _shown(leaves: Mapping[str, Any], key: str) -> str:
    return f"`{leaves[key]}`" if key in leaves else "absent"

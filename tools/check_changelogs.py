"""Hold each CHANGELOG.md to Keep a Changelog: `Unreleased` on top, then versions, newest first, each with its date."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workspace import Distribution

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")

_RELEASE = re.compile(r"## (?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?) - \d{4}-\d{2}-\d{2}")


def check(distribution: Distribution) -> list[str]:
    """Name every header that breaks the format."""
    file = distribution.path / "CHANGELOG.md"
    if not file.exists():
        return [f"{file}: is missing"]
    return [f"{file}{problem}" for problem in problems(file.read_text(encoding="utf-8"), distribution.name)]


def problems(text: str, name: str) -> list[str]:
    """Name every header of a changelog's text that breaks the format, each beginning with its line."""
    lines = text.splitlines()
    found = []
    if not lines or lines[0] != f"# Changelog of {name}":
        found.append(f":1: must begin with `# Changelog of {name}`")
    headers = [(number, line) for number, line in enumerate(lines, 1) if line.startswith("## ")]
    if not headers or headers[0][1] != "## Unreleased":
        found.append(f":{headers[0][0] if headers else 1}: the first section must be `## Unreleased`")
    versions = []
    for number, line in headers[1:]:
        if match := _RELEASE.fullmatch(line):
            versions.append((number, _sort_key(match["version"])))
        else:
            found.append(f":{number}: `{line}` must be `## major.minor.patch - yyyy-mm-dd`")
    found += [
        f":{number}: versions must be newest first"
        for (_, newer), (number, older) in pairwise(versions)
        if newer <= older
    ]
    found += [
        f":{number}: `{line}` must be one of {', '.join(f'`### {kind}`' for kind in KINDS)}"
        for number, line in enumerate(lines, 1)
        if line.startswith("### ") and line[4:] not in KINDS
    ]
    return found


def _sort_key(version: str) -> tuple[int, int, int, str, int]:
    """Order versions as PEP 440 does for what the format allows: `1.0.0rc1` before `1.0.0`."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?", version)
    assert match is not None  # noqa: S101  # the caller matched it
    major, minor, patch, kind, number = match.groups()
    return int(major), int(minor), int(patch), kind or "~", int(number or 0)

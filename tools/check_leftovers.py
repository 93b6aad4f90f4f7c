"""Refuse what a developer leaves behind in a committed file: notes to self, paths of one machine, conflict markers.

Commented-out code is ruff's business (ERA).
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFTOVERS = {
    "a note to self": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
    "a path of one machine": re.compile(r"(?<![\w.$}{/:-])/(?:root|home/\w+|Users/\w+|work/(?:main|shared))(?![-\w])"),
    "a conflict marker": re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)"),
    "a breakpoint": re.compile(r"^\s*(?:breakpoint\(\)|import i?pdb\b)"),
}

EXEMPT = ("tools/check_leftovers.py", "tools/tests/test_check_leftovers.py")
"""The files that must spell out what is refused."""

VENDORED = "_vendor"
"""The folder, in any package, whose files are other projects' own and stand as these published them."""


def committed_files(root: Path) -> list[Path]:
    """Every file that git tracks and that still exists."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := root / name).is_file() and not path.is_symlink()]


def check(root: Path) -> list[str]:
    """Name every leftover in the committed files of a repository; a tree without git has none."""
    if not (root / ".git").exists():
        return []
    exempt = {root / name for name in EXEMPT}
    own = [file for file in committed_files(root) if file not in exempt and VENDORED not in file.parts]
    return [problem for file in own for problem in leftovers(file)]


def leftovers(file: Path) -> Iterator[str]:
    """Every leftover of one file; files that are not text have none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, 1):
        for kind, pattern in LEFTOVERS.items():
            if match := pattern.search(line):
                yield f"{file}:{number}: `{match[0].strip()}` is {kind}"

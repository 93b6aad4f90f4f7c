"""Run every check of the monorepo's own rules; `--fix` rewrites what is generated and reports the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import acceptance
import check_arrows
import check_changelogs
import check_compose
import check_leftovers
import check_pyprojects
import check_readme
import exports
from workspace import ROOT, companions, distributions

if TYPE_CHECKING:
    from pathlib import Path


def findings(root: Path = ROOT, *, fix: bool = False) -> list[str]:
    """Every breach of a rule, as `path:line: sentence`."""
    all_of_them = distributions(root)
    found = check_pyprojects.check_siblings(all_of_them)
    for distribution in all_of_them:
        found += check_pyprojects.check_template(distribution)
        found += check_arrows.check(distribution)
        found += check_changelogs.check(distribution)
        found += exports.check(distribution, fix=fix)
    for companion in companions(root):
        found += check_pyprojects.check_ranges(companion, all_of_them[0].minor)
    found += check_arrows.check_examples(root / "examples")
    found += check_readme.check(root / "README.md", all_of_them, fix=fix)
    found += check_compose.check(root / "docker-compose.yml")
    found += check_leftovers.check(root)
    found += acceptance.check(root)
    return [finding.replace(f"{root}/", "") for finding in found]


def main() -> int:
    """Print each finding on a line and fail when there is one."""
    fix = "--fix" in sys.argv[1:]
    found = findings(fix=fix)
    for finding in found:
        print(finding)
    if found and not fix:
        print(f"{len(found)} {'finding' if len(found) == 1 else 'findings'}")
    return 0 if fix else min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())

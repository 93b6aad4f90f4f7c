import pytest
from check_changelogs import KINDS, problems

GOOD = """\
# Changelog of nestpy-foo

## Unreleased

## 0.2.0 - 2026-03-01

### Added

- A thing.

## 0.2.0rc1 - 2026-02-01

### Fixed

- Another thing.
"""


def test_keep_a_changelog_passes() -> None:
    assert problems(GOOD, "nestpy-foo") == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# Changelog of nestpy-foo", "# History", ":1: must begin with `# Changelog of nestpy-foo`"),
        ("## Unreleased\n", "", ":4: the first section must be `## Unreleased`"),
        ("## 0.2.0 - 2026-03-01", "## v0.2.0", ":5: `## v0.2.0` must be `## major.minor.patch - yyyy-mm-dd`"),
        ("## 0.2.0rc1", "## 0.2.1", ":11: versions must be newest first"),
        (
            "### Fixed",
            "### Bugs",
            f":13: `### Bugs` must be one of {', '.join(f'`### {kind}`' for kind in KINDS)}",
        ),
    ],
    ids=["title", "unreleased", "release", "order", "kind"],
)
def test_a_breach_is_named_with_its_line(old, new, problem) -> None:
    assert problems(GOOD.replace(old, new, 1), "nestpy-foo") == [problem]

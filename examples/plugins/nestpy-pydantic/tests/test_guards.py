"""What every distribution promises."""

from __future__ import annotations

from pathlib import Path

from nestpy_testing.guards import Package

PACKAGE = Package(Path(__file__).parents[1])


def test_exports_match_all():
    PACKAGE.check_exports()


def test_entry_points_load_and_name_their_hooks():
    PACKAGE.check_entry_points()


def test_examples_of_readme_and_docstrings_run():
    PACKAGE.check_examples()


def test_version_equals_metadata():
    PACKAGE.check_version()

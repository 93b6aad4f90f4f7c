"""Entry points are found as `importlib.metadata` finds them."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from nestpy_core._entry_points import entry_points


def _install(directory: Path, name: str, version: str, text: str) -> None:
    folder = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: not-this\n")
    (folder / "entry_points.txt").write_text(text)


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "nestpy"])
def test_finds_what_the_standard_library_finds(group: str) -> None:
    found = metadata.entry_points(group=group)
    theirs = {(e.name, e.value.partition(" [")[0], e.dist.name, e.dist.version) for e in found if e.dist}
    ours = {(e.name, e.value, e.distribution, e.version) for e in entry_points(group)}
    assert ours == theirs
    assert ours


def test_comments_extras_and_other_groups_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "my-plugin", "1.2", "[other]\na = b\n\n[mine]\n# c = d\nx = pack.mod : attr [extra]\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), "missing"])
    assert [(e.name, e.value, e.distribution, e.version) for e in entry_points("mine")] == [
        ("x", "pack.mod : attr", "my-plugin", "1.2")
    ]


def test_first_of_two_copies_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path / "a", "my-plugin", "2.0", "[mine]\nx = new\n")
    _install(tmp_path / "b", "My_Plugin", "1.0", "[mine]\nx = old\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert [e.value for e in entry_points("mine")] == ["new"]


def test_load_follows_the_attribute() -> None:
    script = next(e for e in entry_points("console_scripts") if e.name == "pytest")
    assert callable(script.load())

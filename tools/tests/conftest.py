"""A small monorepo in a temporary directory, for the checks to read."""

import shutil
from pathlib import Path

import pytest
from new_package import create
from workspace import ROOT, Distribution


class Monorepo:
    """A root with `packages/` made by the generator."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copyfile(ROOT / "LICENSE", root / "LICENSE")

    def add(self, name: str) -> Distribution:
        create(self.root, name, f"What {name} gives.")
        return self[name]

    def __getitem__(self, name: str) -> Distribution:
        return Distribution(self.root / "packages" / name)

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture
def monorepo(tmp_path: Path) -> Monorepo:
    return Monorepo(tmp_path)

"""Finds one group of entry points without `importlib.metadata`, whose import alone costs more than all of this."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ._record import Record


class EntryPoint(Record, frozen=True):
    """One line of a distribution's ``entry_points.txt``.

    Attributes:
        name: the entry's name.
        value: the module it names, perhaps with ``:attribute``.
        distribution: the name of the distribution.
        version: its version.
    """

    name: str
    value: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Import what the entry names."""
        module, _, attribute = self.value.partition(":")
        found: Any = import_module(module.strip())
        for part in filter(None, attribute.strip().split(".")):
            found = getattr(found, part)
        return found


def entry_points(group: str) -> Iterator[EntryPoint]:
    """Yield the group's entry points of every installed distribution.

    Distributions are found where Python's own finder looks: ``*.dist-info`` and ``*.egg-info`` in the
    directories of ``sys.path``; of two with one name the first on the path counts.
    """
    seen: set[str] = set()
    for directory in dict.fromkeys(sys.path):
        for name, folder in _metadata_folders(directory or "."):
            distribution = _normal(name.partition("-")[0])
            if distribution not in seen:
                seen.add(distribution)
                yield from _read(folder, group)


def _normal(name: str) -> str:
    """Return a distribution's name as it is compared; almost every folder has it in one of two forms already."""
    plain = name.replace("_", "-").lower()
    return plain if "--" not in plain and "." not in plain else re.sub(r"[-.]+", "-", plain)


def _metadata_folders(directory: str) -> list[tuple[str, str]]:
    """Return name and path of each folder that describes a distribution, sorted by name."""
    try:
        with os.scandir(directory) as items:
            return sorted((item.name, item.path) for item in items if item.name.endswith((".dist-info", ".egg-info")))
    except OSError:
        return []


def _read(folder: str, group: str) -> Iterator[EntryPoint]:
    text = _text(f"{folder}/entry_points.txt")
    if group not in text:
        return
    section = ""
    name = version = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            if not name:
                name, version = _identity(folder)
            key, _, value = line.partition("=")
            yield EntryPoint(key.strip(), value.partition("[")[0].strip(), name, version)


def _text(file: str) -> str:
    """Return what a file holds, nothing where there is none; an environment has hundreds, so `Path` is too dear."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123  # as above
            return opened.read()
    except OSError:
        return ""


def _identity(folder: str) -> tuple[str, str]:
    """Return name and version of a distribution, as its metadata states them."""
    for file in ("METADATA", "PKG-INFO"):
        head = _text(f"{folder}/{file}").partition("\n\n")[0]
        if head:
            fields = dict(line.split(": ", 1) for line in reversed(head.splitlines()) if ": " in line)
            return fields.get("Name", "?"), fields.get("Version", "?")
    return "?", "?"

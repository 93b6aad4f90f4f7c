"""Imports packages that were written for Pydantic 1 beside Pydantic 2, whose ``pydantic.v1`` is the old one."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_IMPORT = re.compile(rb"^(\s*)(from|import) pydantic\b(?!\.v1)", re.MULTILINE)


class V1Loader(SourceFileLoader):
    """Compiles a module with ``pydantic.v1`` where it says ``pydantic``."""

    def path_stats(self, path: Any) -> Any:  # as its base
        """Refuse: without a time of the source no bytecode is read or written, which others would share."""
        raise OSError(f"{path} is compiled anew")

    def source_to_code(  # type: ignore[override]  # typeshed takes it for a static method
        self, data: Any, path: Any, **options: Any
    ) -> Any:
        """Compile the rewritten source."""
        return super().source_to_code(_IMPORT.sub(rb"\1\2 pydantic.v1", bytes(data)), path, **options)


class V1Finder:
    """Finds the modules of some packages, and loads them with `V1Loader`."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find as Python does."""
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = V1Loader(fullname, spec.origin)
        return spec


@contextlib.contextmanager
def pydantic_v1_for(*packages: str) -> Iterator[None]:
    """Import *packages* inside of this with Pydantic's first version; nothing else is touched."""
    finder = V1Finder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

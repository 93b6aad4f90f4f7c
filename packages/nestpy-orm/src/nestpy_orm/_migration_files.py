"""Reads the folder of migrations: one file each, in SQL or Python, ordered by name."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nestpy_core import Record

from .errors import MigrationError

if TYPE_CHECKING:
    from ._database import Database

Direction = Literal["up", "down"]

_NAME = re.compile(r"\d{4,}_[a-z0-9_]+")
_SECTION = re.compile(r"^--\s*(up|down)(?:\s+(postgres|sqlite))?\s*$", re.MULTILINE)


class Migration(Record, frozen=True):
    """One step of the schema.

    Attributes:
        name: the file's name without its ending, for instance ``0001_users``.
        path: the file.
    """

    name: str
    path: Path

    async def run(self, direction: Direction, database: Database) -> None:
        """Run it in the transaction that is open.

        Raises:
            MigrationError: it cannot go that way, or one of its statements failed.
        """
        try:
            if self.path.suffix == ".sql":
                await self._run_sql(direction, database)
            else:
                await self._function(direction)(database)
        except MigrationError:
            raise
        except Exception as error:
            raise MigrationError(f"The migration `{self.name}` failed going {direction}: {_reason(error)}") from error

    async def _run_sql(self, direction: Direction, database: Database) -> None:
        from ._sqlite import statements_of

        script = self._section(direction, database.dialect)
        for statement in statements_of(script) if database.dialect == "sqlite" else [script]:
            await database.script(statement)

    def _section(self, direction: Direction, dialect: str) -> str:
        parts = _SECTION.split(self.path.read_text(encoding="utf-8"))
        found: dict[tuple[str, str], str] = {}
        for way, only, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            found[way, only or ""] = text
        script = found.get((direction, dialect), found.get((direction, "")))
        if script is None:
            raise MigrationError(
                f"The migration `{self.name}` has no part `-- {direction}` for {dialect}.\n"
                f"Hint: write `-- {direction}` or `-- {direction} {dialect}` on a line above its statements"
            )
        return script

    def _function(self, direction: Direction) -> Callable[[Database], Awaitable[None]]:
        spec = importlib.util.spec_from_file_location(f"nestpy_migration_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise MigrationError(f"The migration `{self.name}` cannot be imported.")
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        function = getattr(module, direction, None)
        if not inspect.iscoroutinefunction(function):
            raise MigrationError(
                f"The migration `{self.name}` has no `async def {direction}(database: Database) -> None`."
            )
        return function


def read_folder(folder: Path) -> list[Migration]:
    """Return the migrations of a folder in their order; none where there is no folder.

    Raises:
        MigrationError: a name that says no place in the order, or two files of one name.
    """
    if not folder.is_dir():
        return []
    found: dict[str, Migration] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".sql", ".py") or path.name == "__init__.py":
            continue
        if not _NAME.fullmatch(path.stem):
            raise MigrationError(
                f"`{path.name}` is no name of a migration.\nHint: call it `0001_what_it_does.sql`, or `.py`"
            )
        if path.stem in found:
            raise MigrationError(f"There are two migrations `{path.stem}`.")
        found[path.stem] = Migration(path.stem, path)
    return list(found.values())


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"

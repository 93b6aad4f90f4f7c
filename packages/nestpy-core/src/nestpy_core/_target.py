"""Finds the application that a command line names: ``module:attribute``, a module, or a file."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ._app import App
from ._module import DynamicModule, module_meta
from .errors import NestPyError

Root = App | type | DynamicModule


class TargetError(NestPyError):
    """A command line names no application. The text is one sentence."""


def find_target(target: str) -> Root:
    """Import what *target* names and return its `App` or root module.

    *target* is ``module:attribute``, ``module``, or a path to a ``.py`` file with or without an attribute.
    Without one it is ``app``, else the only `App`, else the only root module. The working directory and,
    for a file, the directory that its import begins at come first on ``sys.path``.

    Raises:
        TargetError: there is no such module or attribute, it is no application, or there are several.
        BootError: importing it builds an `App` that cannot boot.
    """
    place, _, attribute = target.partition(":") if not _is_drive(target) else (target, "", "")
    if not place:
        raise _unnamed(target)
    module = _import(place)
    return _attribute(module, attribute) if attribute else _only(module)


def _unnamed(place: str) -> TargetError:
    return TargetError(f"`{place}` names no module: write `module:attribute`, `module` or a path to a file.")


def app_of(root: Root) -> App:
    """Return the app itself, or build the one of a root module.

    Raises:
        BootError: it cannot boot.
    """
    return root if isinstance(root, App) else App(root)


def circle_of(error: BaseException) -> str:
    """Say which modules import each other, where that is why an import failed; else return an empty text."""
    half = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
    name = half.__name__ if isinstance(half, ModuleType) else getattr(error, "name", None)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
    names = [str(frame.f_globals.get("__name__")) for frame in frames]
    if not isinstance(error, AttributeError | ImportError) or name not in names[:-1]:
        return ""
    circle = names[names.index(name) :]
    listed = " imports ".join(f"`{name}`" for name in (*circle, name))
    return (
        f"{listed}: Python cannot finish any of them.\n"
        "Hint: import what stands in annotations alone under `if TYPE_CHECKING:`, "
        "or move what both need to a module of its own"
    )


def _is_drive(target: str) -> bool:
    return os.name == "nt" and target[1:3] in (":\\", ":/") and target.count(":") == 1


def _import(place: str) -> ModuleType:
    path = str(Path.cwd())
    name, file = place, None
    if place.endswith(".py") or os.sep in place or "/" in place:
        file = Path(place).resolve()
        if not file.is_file():
            raise TargetError(f"There is no file `{place}`.")
        path, name = _import_name(file)
    elif place.startswith("."):
        raise _unnamed(place)
    if path not in sys.path:
        sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise TargetError(f"There is no module `{name}`; it is looked for in `{path}` first.") from None
        raise
    if file is not None and not _stands_in(module, file):
        raise TargetError(f"`{place}` is hidden by another module `{name}`: give the file another name.")
    return module


def _stands_in(module: ModuleType, file: Path) -> bool:
    found = getattr(module, "__file__", None)
    return found is not None and Path(found).exists() and file.samefile(found)


def _import_name(file: Path) -> tuple[str, str]:
    """Return the directory that an import of *file* begins at, and its dotted name from there."""
    names = [] if file.stem == "__init__" else [file.stem]
    directory = file.parent
    while (directory / "__init__.py").is_file():
        names.insert(0, directory.name)
        directory = directory.parent
    return str(directory), ".".join(names)


def _attribute(module: ModuleType, path: str) -> Root:
    value: object = module
    for name in path.split("."):
        if not hasattr(value, name):
            raise TargetError(f"`{module.__name__}` has no attribute `{path}`.")
        value = getattr(value, name)
    found = _as_root(value)
    if found is None:
        raise TargetError(f"`{module.__name__}:{path}` is neither an `App` nor a class decorated with `@module`.")
    return found


def _as_root(value: object) -> Root | None:
    if isinstance(value, App | DynamicModule):
        return value
    return value if isinstance(value, type) and module_meta(value) is not None else None


def _only(module: ModuleType) -> Root:
    members = vars(module)
    named = _as_root(members.get("app"))
    if named is not None:
        return named
    apps = {name: value for name, value in members.items() if isinstance(value, App)}
    found: dict[str, App | type] = {**apps} if apps else {**_roots(module)}
    first = {id(value): name for name, value in reversed(found.items())}
    found = {name: value for name, value in found.items() if first[id(value)] == name}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise TargetError(f"`{module.__name__}` holds neither an `App` nor a class decorated with `@module`.")
    names = ", ".join(f"`{module.__name__}:{name}`" for name in found)
    raise TargetError(f"`{module.__name__}` holds several applications: name one of {names}.")


def _roots(module: ModuleType) -> dict[str, type]:
    """Return the module classes defined in *module* that no other one of them imports."""
    own = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and module_meta(value) is not None
    }
    imported = {
        item.module if isinstance(item, DynamicModule) else item
        for cls in own.values()
        for item in getattr(module_meta(cls), "imports", ())
    }
    return {name: cls for name, cls in own.items() if cls not in imported}

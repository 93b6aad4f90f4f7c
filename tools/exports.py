"""Write each distribution's `__init__.py` from the `__all__` of its modules.

A module exports what its own `__all__` names; one without it exports nothing. The written file keeps its docstring
and loads a module when the first of its names is asked for (PEP 562), so that importing a distribution stays cheap.
"""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from workspace import Distribution

_WIDTH = 120

_TEMPLATE = """\
{docstring}

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
{imports}

__all__ = [
{names}
]

_NAMES_OF_MODULES = {{
{modules}
}}
_MODULE_OF_NAME = {{name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
        value = globals()[name] = getattr(import_module(f".{{_MODULE_OF_NAME[name]}}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__
"""


class ExportError(Exception):
    """The modules of a distribution cannot be re-exported together."""


def exported_names(source: str, filename: str) -> list[str]:
    """The names in a module's `__all__`, read without importing it.

    Raises:
        ExportError: when `__all__` is not one literal list or tuple of strings.
    """
    found: list[str] = []
    for statement in ast.parse(source, filename).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                pass
            case ast.AugAssign(target=ast.Name(id="__all__")):
                message = f"{filename}:{statement.lineno}: `__all__` must be one literal, not built step by step"
                raise ExportError(message)
            case _:
                continue
        found = _literal_names(value, filename)
    return found


def _literal_names(value: ast.expr, filename: str) -> list[str]:
    try:
        names = ast.literal_eval(value)
    except ValueError:
        names = None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        message = f"{filename}:{value.lineno}: `__all__` must be a literal tuple of names"
        raise ExportError(message)
    return list(names)


def collect(package: Path) -> dict[str, list[str]]:
    """The sorted names that each module of an import package exports, modules sorted as well.

    Raises:
        ExportError: when two modules export one name, or a name would hide a public module.
    """
    exports = {
        module: exported_names(file.read_text(encoding="utf-8"), str(file)) for module, file in _modules(package)
    }
    owners: dict[str, str] = {}
    for module, names in exports.items():
        for name in names:
            if name in owners:
                message = f"{package.name}: both `{owners[name]}` and `{module}` export `{name}`"
                raise ExportError(message)
            if name in exports:
                message = f"{package.name}: `{module}` exports `{name}`, which is the name of a module"
                raise ExportError(message)
            owners[name] = module
    return {module: sorted(names) for module, names in sorted(exports.items()) if names}


def _modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Every direct module of a package, and its subpackages by their own `__init__.py`."""
    for file in sorted(package.glob("*.py")):
        if file.stem not in {"__init__", "__main__"}:
            yield file.stem, file
    for file in sorted(package.glob("*/__init__.py")):
        yield file.parent.name, file


def render(docstring: str, exports: Mapping[str, list[str]]) -> str:
    """The text of an `__init__.py`; the docstring comes with its quotes."""
    if not exports:
        return f"{docstring}\n"
    imports = [
        _wrap(f"from .{module} import ", [f"{name} as {name}" for name in names]) for module, names in exports.items()
    ]
    every = sorted(name for names in exports.values() for name in names)
    return _TEMPLATE.format(
        docstring=docstring,
        imports="\n".join(imports),
        names=_fill(", ".join(f'"{name}"' for name in every) + ",", 4),
        modules="\n".join(_entry(module, names) for module, names in exports.items()),
    )


def _wrap(start: str, items: list[str]) -> str:
    line = f"    {start}{', '.join(items)}"
    if len(line) <= _WIDTH:
        return line
    return f"    {start}(\n{_fill(', '.join(items) + ',', 8)}\n    )"


def _entry(module: str, names: list[str]) -> str:
    line = f'    "{module}": "{" ".join(names)}",'
    if len(line) <= _WIDTH:
        return line
    parts = textwrap.wrap(" ".join(names), _WIDTH - 11)
    quoted = "\n".join(f'        "{part}{" " if part is not parts[-1] else ""}"' for part in parts)
    return f'    "{module}": (\n{quoted}\n    ),'


def _fill(text: str, indent: int) -> str:
    """Fill lines to the width, never between `Name` and `as Name`."""
    protected = text.replace(" as ", "\0as\0")
    lines = textwrap.wrap(protected, _WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n".join(lines).replace("\0", " "), " " * indent)


def expected(distribution: Distribution) -> str:
    """What the distribution's `__init__.py` must contain now."""
    file = distribution.source / "__init__.py"
    docstring = _docstring(file.read_text(encoding="utf-8")) if file.exists() else None
    return render(docstring or f'"""{distribution.description}"""', collect(distribution.source))


def _docstring(source: str) -> str | None:
    """A module's docstring as it is written, quotes and escapes included."""
    match ast.parse(source).body:
        case [ast.Expr(value=ast.Constant(value=str()) as docstring), *_]:
            return ast.get_source_segment(source, docstring)
        case _:
            return None


def check(distribution: Distribution, *, fix: bool = False) -> list[str]:
    """Compare an `__init__.py` with its modules; with `fix`, rewrite it instead."""
    file = distribution.source / "__init__.py"
    try:
        text = expected(distribution)
    except (ExportError, SyntaxError) as error:
        return [str(error)]
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return []
    if fix:
        file.write_text(text, encoding="utf-8")
        return []
    return [f"{file}: does not match the `__all__` of its modules. Hint: run `make fmt`"]

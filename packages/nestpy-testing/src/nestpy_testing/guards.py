# ruff: noqa: S101  # what fails here fails a test
"""The four tests that every distribution runs on itself; plugin authors may use them too."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import pytest

from nestpy_core import Hooks

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
"""
_GUARDS = {
    "exports match __all__": "exports",
    "entry points load and name their hooks": "entry_points",
    "examples of README and docstrings run": "examples",
    "version equals metadata": "version",
}


def guard_tests(path: Path) -> Callable[[str], None]:
    """Return the four tests as one parametrised function: ``test_guards = guard_tests(Path(__file__).parents[1])``.

    Args:
        path: the directory of the distribution, as for `Package`.
    """

    @pytest.mark.parametrize("guard", list(_GUARDS))
    def test_guard(guard: str) -> None:
        getattr(Package(path), f"check_{_GUARDS[guard]}")()

    return test_guard


class Package:
    """One distribution, checked through its directory; `guard_tests` makes tests of it.

    Args:
        path: the directory with ``pyproject.toml``, ``README.md`` and ``src``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        project: Mapping[str, Any] = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        self.name: str = project["name"]
        self.version: str = project["version"]
        self.import_name = self.name.replace("-", "_")

    def check_exports(self) -> None:
        """Check that the package's `__all__` is sorted, complete and importable.

        It holds what its modules' own `__all__` name; each name resolves to the object of its module.
        """
        package = importlib.import_module(self.import_name)
        exported = list(package.__all__)
        owners = {name: module for module in self._modules() for name in getattr(module, "__all__", ())}
        missing = sorted(owners.keys() - set(exported))
        stale = sorted(set(exported) - owners.keys())
        assert exported == sorted(set(exported)), f"`{self.import_name}.__all__` is not sorted or names something twice"
        assert not missing, f"`{self.import_name}` does not export {missing}, which modules of it name in `__all__`"
        assert not stale, (
            f"`{self.import_name}` exports {stale}, which no module of it names in `__all__`\n"
            "Hint: write `__all__` in the module that defines a name, or take it out of the package's"
        )
        for name, module in owners.items():
            assert getattr(package, name) is getattr(module, name), f"`{self.import_name}.{name}` is another object"
        assert set(dir(package)) >= set(exported), f"`dir({self.import_name})` hides exported names"

    def check_entry_points(self) -> None:
        """Check that every entry point loads, and that a plugin implements hooks that exist, at least one.

        Its module loads nothing else of its package: every app of the environment imports it, wanted or not.
        """
        for entry in metadata.distribution(self.name).entry_points:
            loaded = entry.load()
            if entry.group == "nestpy":
                manager = pluggy.PluginManager("nestpy")
                manager.add_hookspecs(Hooks)
                manager.register(loaded, entry.name)
                manager.check_pending()
                assert manager.get_hookcallers(loaded), f"the plugin `{entry.value}` implements no hook"
                assert re.fullmatch(r"\d+\.\d+", getattr(loaded, "nestpy_api", "")), (
                    f'`{entry.value}` does not state the hooks it was written for, as `nestpy_api = "0.1"`'
                )
                check_inert(entry.value)

    def check_examples(self) -> None:
        """Run every ```` ```python ```` block of the README, and the doctests of every module.

        Blocks run in order and see the names of those above; functions called ``test_…`` without
        parameters are called, async ones in a loop of their own. Those with parameters run under pytest, which
        gives them their fixtures.
        """
        text = (self.path / "README.md").read_text(encoding="utf-8")
        blocks = _BLOCK.findall(text)
        run_blocks(blocks)
        run_tests_with_fixtures(blocks)
        for module in self._modules():
            failed, _ = doctest.testmod(module)
            assert not failed, f"doctests of `{module.__name__}` fail"

    def check_version(self) -> None:
        """Check that the installed metadata has the version of ``pyproject.toml``."""
        installed = metadata.version(self.name)
        assert installed == self.version, (
            f"{self.name} is installed as {installed}, its pyproject.toml says {self.version}"
        )

    def _modules(self) -> list[ModuleType]:
        package = importlib.import_module(self.import_name)
        names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{self.import_name}.")]
        return [importlib.import_module(name) for name in names if not name.endswith(".__main__")]


def check_inert(plugin: str) -> None:
    """Check, in a process of its own, that importing a plugin's module loads nothing else of its package."""
    package = plugin.partition(".")[0]
    code = f"import sys, {plugin}; print(*(name for name in sys.modules if name.partition('.')[0] == {package!r}))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )  # an entry point of this installation
    assert done.returncode == 0, f"`{plugin}` does not import:\n{done.stderr}"
    others = [name for name in done.stdout.split() if not f"{plugin}.".startswith(f"{name}.")]
    assert not others, (
        f"importing `{plugin}` loads {', '.join(f'`{name}`' for name in others)} in every app of the environment\n"
        "Hint: import in the hooks, and let the package's `__init__` import a module when one of its names is asked for"
    )


def run_blocks(blocks: list[str]) -> None:
    """Run blocks of Python as modules of their own, each seeing the names of those before it."""
    known: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        for number, block in enumerate(blocks, 1):
            file = Path(directory, f"readme_block_{number}.py")
            file.write_text(block, encoding="utf-8")
            with _loaded(file, known) as module:
                known.update({name: value for name, value in vars(module).items() if not name.startswith("__")})
                for name, value in list(vars(module).items()):
                    if name in _tests(block, with_fixtures=False):
                        _call(value)


@contextlib.contextmanager
def _loaded(file: Path, known: Mapping[str, Any]) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(known)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[file.stem]


def run_tests_with_fixtures(blocks: list[str]) -> None:
    """Run the tests of blocks that take fixtures, in a pytest of their own; nothing where there are none."""
    wanted = [(number, name) for number, block in enumerate(blocks, 1) for name in _tests(block, with_fixtures=True)]
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "conftest.py").write_text(_CONFTEST, encoding="utf-8")
        for number, block in enumerate(blocks, 1):
            above = f"from readme_block_{number - 1} import *\n" if number > 1 else ""
            Path(directory, f"readme_block_{number}.py").write_text(_below_future(above, block), encoding="utf-8")
        names = [f"readme_block_{number}.py::{name}" for number, name in wanted]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", directory, *names],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"tests of the README fail:\n{done.stdout}{done.stderr}"


def _below_future(line: str, block: str) -> str:
    if not block.startswith("from __future__"):
        return line + block
    first, _, rest = block.partition("\n")
    return f"{first}\n{line}{rest}"


def _tests(block: str, *, with_fixtures: bool) -> set[str]:
    return {
        node.name
        for node in ast.parse(block).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and bool(node.args.args) == with_fixtures
    }


def _call(function: Any) -> None:
    result = function()
    if inspect.iscoroutine(result):
        asyncio.run(result)

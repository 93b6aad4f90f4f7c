import importlib.util
import subprocess
import sys

import exports
import pytest


def load(package):
    """Import the generated package under its own name, away from sys.path."""
    spec = importlib.util.spec_from_file_location(
        package.import_name, package.source / "__init__.py", submodule_search_locations=[str(package.source)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[package.import_name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(monorepo):
    package = monorepo.add("nestpy-planted")
    monorepo.write(
        "packages/nestpy-planted/src/nestpy_planted/errors.py",
        '__all__ = ("PlantedError",)\nclass PlantedError(Exception): ...',
    )
    monorepo.write(
        "packages/nestpy-planted/src/nestpy_planted/_graph.py",
        '__all__: tuple[str, ...] = ("walk", "Graph")\nclass Graph: ...\ndef walk(): ...',
    )
    monorepo.write("packages/nestpy-planted/src/nestpy_planted/_module.py", "")
    monorepo.write("packages/nestpy-planted/src/nestpy_planted/_heavy.py", "raise RuntimeError('loaded')")
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "nestpy_planted"]:
        del sys.modules[name]


def test_the_generated_file_is_exactly_this(package) -> None:
    assert exports.check(package, fix=True) == []
    assert (
        (package.source / "__init__.py").read_text()
        == '''\
"""What nestpy-planted gives."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._graph import Graph as Graph, walk as walk
    from .errors import PlantedError as PlantedError

__all__ = [
    "Graph", "PlantedError", "walk",
]

_NAMES_OF_MODULES = {
    "_graph": "Graph walk",
    "errors": "PlantedError",
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF_NAME[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__
'''
    )


def test_a_module_loads_when_the_first_of_its_names_is_asked_for(package) -> None:
    exports.check(package, fix=True)
    module = load(package)
    assert "nestpy_planted._graph" not in sys.modules
    assert module.Graph.__name__ == "Graph"
    assert "nestpy_planted._graph" in sys.modules
    assert "nestpy_planted.errors" not in sys.modules
    assert dir(module) == module.__all__ == ["Graph", "PlantedError", "walk"]
    assert module.Graph is module.Graph
    with pytest.raises(AttributeError, match="module 'nestpy_planted' has no attribute 'absent'"):
        _ = module.absent


def test_the_docstring_of_an_existing_file_is_kept(package) -> None:
    (package.source / "__init__.py").write_text('"""Mine.\n\nWith `a` \\\\ second paragraph.\n"""\n')
    exports.check(package, fix=True)
    assert load(package).__doc__ == "Mine.\n\nWith `a` \\ second paragraph.\n"
    assert exports.check(package) == []


def test_a_name_that_is_added_later_is_noticed(package, monorepo) -> None:
    exports.check(package, fix=True)
    monorepo.edit("packages/nestpy-planted/src/nestpy_planted/_graph.py", '"Graph")', '"Graph", "draw")')
    (problem,) = exports.check(package)
    assert problem.endswith("__init__.py: does not match the `__all__` of its modules. Hint: run `make fmt`")


def test_many_names_stay_within_the_line_length(package, monorepo) -> None:
    names = [f"Something{number}WithALongName" for number in range(60)]
    text = f"__all__ = {names!r}\n" + "".join(f"class {name}: ...\n" for name in names)
    monorepo.write("packages/nestpy-planted/src/nestpy_planted/_many.py", text)
    exports.check(package, fix=True)
    lines = (package.source / "__init__.py").read_text().splitlines()
    assert max(len(line) for line in lines) <= 120
    assert not any(line.strip().startswith("as ") or line.endswith(" as") for line in lines)
    module = load(package)
    assert all(getattr(module, name).__name__ == name for name in names)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('__all__ = ("PlantedError",)', "both `_planted` and `errors` export `PlantedError`"),
        ('__all__ = ("errors",)', "`_planted` exports `errors`, which is the name of a module"),
        ("names = ()\n__all__ = names", "_planted.py:2: `__all__` must be a literal tuple of names"),
        ('__all__ = ["a"]\n__all__ += ["b"]', "_planted.py:2: `__all__` must be one literal, not built step by step"),
    ],
    ids=["twice", "module", "not-literal", "step-by-step"],
)
def test_what_cannot_be_exported_is_refused(package, monorepo, text, problem) -> None:
    monorepo.write("packages/nestpy-planted/src/nestpy_planted/_planted.py", text)
    (found,) = exports.check(package, fix=True)
    assert found.endswith(problem)


@pytest.mark.e2e
def test_type_checkers_see_the_names_and_refuse_others(package, tmp_path) -> None:
    exports.check(package, fix=True)
    program = tmp_path / "program.py"
    program.write_text(
        "from typing import assert_type\nfrom nestpy_planted import Graph\nassert_type(Graph(), Graph)\n"
        "from nestpy_planted import Absent\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    environment = {"MYPYPATH": str(package.source.parent), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if line.startswith("program.py")]
    assert [line.partition("error: ")[2] for line in errors] == [
        'Module "nestpy_planted" has no attribute "Absent"  [attr-defined]'
    ]

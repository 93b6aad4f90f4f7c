import pytest
from check_arrows import check, check_examples, imported_siblings

EVERY_WAY_TO_IMPORT = {
    "a statement": "import nestpy_orm",
    "a submodule": "import nestpy_orm.session as session",
    "from": "from nestpy_orm import Repository",
    "inside a function": "def read():\n    from nestpy_orm import Repository",
    "for type checkers": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nestpy_orm import Repository"),
    "inside try": "try:\n    import nestpy_orm\nexcept ImportError:\n    pass",
    "by name": "import importlib\nimportlib.import_module('nestpy_orm')",
    "by bare name": "from importlib import import_module\nimport_module('nestpy_orm.session')",
    "by dunder": "__import__('nestpy_orm')",
}


@pytest.mark.parametrize("source", EVERY_WAY_TO_IMPORT.values(), ids=EVERY_WAY_TO_IMPORT.keys())
def test_an_undrawn_import_is_found_however_it_is_written(monorepo, source) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.write("packages/nestpy-foo/src/nestpy_foo/_planted.py", source)
    (problem,) = check(package)
    assert "_planted.py:" in problem
    assert problem.endswith("`nestpy-foo` must not import `nestpy-orm`")


def test_an_undrawn_requirement_is_found_even_in_an_extra(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit(
        "packages/nestpy-foo/pyproject.toml",
        "\n[tool.hatch.build.targets.wheel]",
        '\n[project.optional-dependencies]\nmore = ["nestpy_orm[fast] >=0.1,<0.2"]\n\n[tool.hatch.build.targets.wheel]',
    )
    (problem,) = check(package)
    assert problem.endswith("pyproject.toml: `nestpy-foo` must not depend on `nestpy-orm`")


@pytest.mark.parametrize("name", ["nestpy-openapi", "nestpy-graphql", "nestpy-mcp", "nestpy-health"])
def test_four_distributions_may_stand_on_http(monorepo, name) -> None:
    package = monorepo.add(name)
    monorepo.edit(f"packages/{name}/pyproject.toml", '<0.2"]', '<0.2", "nestpy-http>=0.1,<0.2"]')
    monorepo.write(f"packages/{name}/src/{package.import_name}/_route.py", "import nestpy_http")
    assert check(package) == []


def test_testing_may_not_stand_on_http(monorepo) -> None:
    package = monorepo.add("nestpy-testing")
    monorepo.write("packages/nestpy-testing/src/nestpy_testing/_client.py", "def f():\n    import nestpy_http")
    (problem,) = check(package)
    assert problem.endswith("_client.py:2: `nestpy-testing` must not import `nestpy-http`")


def test_core_stands_on_nothing(monorepo) -> None:
    package = monorepo.add("nestpy-core")
    monorepo.edit("packages/nestpy-core/pyproject.toml", '["nestpy-core>=0.1,<0.2"]', "[]")
    monorepo.write("packages/nestpy-core/src/nestpy_core/_planted.py", "import nestpy_http")
    (problem,) = check(package)
    assert problem.endswith("`nestpy-core` must not import `nestpy-http`")


def test_a_drawn_import_needs_a_requirement(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", '["nestpy-core>=0.1,<0.2"]', "[]")
    assert {problem.partition(": ")[2] for problem in check(package)} == {
        "imports `nestpy-core`, which pyproject.toml does not require"
    }


def test_other_libraries_and_relative_imports_are_no_siblings(tmp_path) -> None:
    file = tmp_path / "module.py"
    file.write_text("import nestpy\nimport msgspec\nfrom . import nestpy_orm\nfrom .nestpy_orm import x\n")
    assert list(imported_siblings(file)) == []


EVERY_WAY_TO_IMPORT_WHAT_IS_PRIVATE = {
    "from a module": ("from nestpy_core._names import name_of", "nestpy_core._names.name_of"),
    "a module": ("import nestpy_core._names as names", "nestpy_core._names"),
    "a module from the package": ("from nestpy_core import App, _names", "nestpy_core._names"),
    "a name from a public module": ("from nestpy_core.errors import _text", "nestpy_core.errors._text"),
    "inside a function": ("def read():\n    from nestpy_core._names import name_of", "nestpy_core._names.name_of"),
    "by name": ("import importlib\nimportlib.import_module('nestpy_core._names')", "nestpy_core._names"),
}


@pytest.mark.parametrize("folder", ["src/nestpy_foo", "tests"])
@pytest.mark.parametrize(
    ("source", "name"),
    EVERY_WAY_TO_IMPORT_WHAT_IS_PRIVATE.values(),
    ids=EVERY_WAY_TO_IMPORT_WHAT_IS_PRIVATE.keys(),
)
def test_what_a_sibling_keeps_to_itself_is_not_imported(monorepo, source, name, folder) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.write(f"packages/nestpy-foo/{folder}/_planted.py", source)
    (problem,) = check(package)
    assert problem.endswith(f"imports `{name}`, which is private to `nestpy-core`")


def test_what_is_public_or_ones_own_may_be_imported(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.write(
        "packages/nestpy-foo/src/nestpy_foo/_planted.py",
        "from nestpy_core import App, __doc__\nfrom nestpy_core.errors import BootError\nimport nestpy_foo._own",
    )
    assert check(package) == []


def test_examples_import_nothing_private_of_others(monorepo) -> None:
    monorepo.write("examples/plugins/acme/src/nestpy_acme/__init__.py", "")
    monorepo.write("examples/plugins/acme/src/nestpy_acme/_plugin.py", "from nestpy_acme._own import x\n")
    monorepo.write("examples/app/tests/test_app.py", "from nestpy_core._names import name_of\n")
    assert check_examples(monorepo.root / "examples") == []
    planted = monorepo.write("examples/app/main.py", "import nestpy_core\nfrom nestpy_core._names import name_of\n")
    assert check_examples(monorepo.root / "examples") == [
        f"{planted}:2: imports `nestpy_core._names.name_of`, which is private to `nestpy-core`"
    ]

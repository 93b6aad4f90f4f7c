"""Each guard goes red on the mistake that it is there for."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from nestpy_testing import guards
from nestpy_testing.guards import Package, run_blocks

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "nestpy-core"\nversion = "9.9.9"\n')
    (tmp_path / "README.md").write_text("# empty\n")
    made = Package(tmp_path)
    made.import_name = "planted"
    root, inner = ModuleType("planted"), ModuleType("planted._inner")
    root.__all__, inner.__all__ = ["One", "two"], ("One", "two")
    root.One = inner.One = object()
    root.two = inner.two = object()
    monkeypatch.setitem(sys.modules, "planted", root)
    monkeypatch.setattr(made, "_modules", lambda: [inner])
    return SimpleNamespace(guard=made, root=root, inner=inner)


def test_sound_package_passes(package):
    package.guard.check_exports()
    package.guard.check_examples()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["two", "One"], "not sorted"),
        (["One"], r"does not export \['two'\]"),
        (["One", "three", "two"], r"exports \['three'\]"),
    ],
    ids=["unsorted", "missing", "stale"],
)
def test_exports_that_differ_are_found(package, names, message):
    package.root.__all__ = names
    with pytest.raises(AssertionError, match=message):
        package.guard.check_exports()


def test_export_of_another_object_is_found(package):
    package.root.two = object()
    with pytest.raises(AssertionError, match="another object"):
        package.guard.check_exports()


def test_other_version_is_found(package):
    with pytest.raises(AssertionError, match=r"its pyproject.toml says 9\.9\.9"):
        package.guard.check_version()


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (ModuleType("empty"), "implements no hook"),
        (SimpleNamespace(nestpy_api="0.1", nestpy_nonsense=lambda: None), "unknown hook"),
    ],
    ids=["no hook", "unknown hook"],
)
def test_plugin_without_real_hooks_is_found(package, monkeypatch, plugin, message):
    if hasattr(plugin, "nestpy_nonsense"):
        from nestpy_core import hookimpl

        plugin.nestpy_nonsense = hookimpl(plugin.nestpy_nonsense)
    entry = SimpleNamespace(load=lambda: plugin, group="nestpy", name="planted", value="planted._plugin")
    monkeypatch.setattr(guards.metadata, "distribution", lambda name: SimpleNamespace(entry_points=[entry]))
    with pytest.raises(Exception, match=message):
        package.guard.check_entry_points()


@pytest.mark.parametrize(
    ("package_loads", "plugin_loads"),
    [("from . import _heavy", ""), ("", "from . import _heavy")],
    ids=["by its package", "by itself"],
)
def test_plugin_that_loads_its_package_in_every_app_is_found(tmp_path, monkeypatch, package_loads, plugin_loads):
    source = tmp_path / "planted_eager"
    source.mkdir()
    for name, text in (("__init__", package_loads), ("_plugin", plugin_loads), ("_heavy", "")):
        (source / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AssertionError) as caught:
        guards.check_inert("planted_eager._plugin")
    assert "`planted_eager._plugin` loads `planted_eager._heavy` in every app" in str(caught.value)
    (source / "__init__.py").write_text("")
    (source / "_plugin.py").write_text("def hook():\n    from . import _heavy\n")
    guards.check_inert("planted_eager._plugin")


def test_readme_block_that_fails_is_found(package):
    (package.guard.path / "README.md").write_text("```python\nassert 1 == 2\n```\n")
    with pytest.raises(AssertionError):
        package.guard.check_examples()


def test_docstring_that_lies_is_found(package, capsys):
    package.inner.__doc__ = ">>> 1 + 1\n3\n"
    with pytest.raises(AssertionError, match=r"doctests of `planted\._inner` fail"):
        package.guard.check_examples()


def test_blocks_see_those_above_and_run_their_tests():
    ran = []
    sys.modules["planted_log"] = log = ModuleType("planted_log")
    log.ran = ran
    run_blocks(
        [
            "from planted_log import ran\nVALUE = 1\ndef test_one(): ran.append(VALUE)\n",
            "async def test_two(): ran.append(VALUE + 1)\ndef test_three(fixture): ran.append('never')\n",
        ]
    )
    del sys.modules["planted_log"]
    assert ran == [1, 2]


def test_readme_tests_with_fixtures_run_under_pytest(package):
    blocks = [
        "VALUE = 1",
        (
            "from __future__ import annotations\nimport pytest\n@pytest.mark.anyio\n"
            "async def test_port(unused_port): assert unused_port > VALUE"
        ),
        "def test_wrong(unused_port): assert unused_port == 0",
    ]
    readme = "".join(f"```python\n{block}\n```\n" for block in blocks)
    (package.guard.path / "README.md").write_text(readme)
    with pytest.raises(AssertionError, match=r"tests of the README fail:\n(.|\n)*unused_port == 0") as caught:
        package.guard.check_examples()
    assert "1 failed, 1 passed" in str(caught.value)


def test_four_tests_are_made_of_a_directory(package):
    function = guards.guard_tests(package.guard.path)
    names = function.pytestmark[0].args[1]
    assert len(names) == 4
    with pytest.raises(AssertionError, match=r"its pyproject.toml says 9\.9\.9"):
        function("version equals metadata")

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import check_arrows
import check_changelogs
import check_pyprojects
import exports
import pytest
from build_all import build
from new_package import create


def test_a_new_distribution_passes_every_check(monorepo) -> None:
    package = monorepo.add("nestpy-two-words")
    assert check_pyprojects.check_siblings([package]) == []
    assert check_pyprojects.check_template(package) == []
    assert check_arrows.check(package) == []
    assert check_changelogs.check(package) == []
    assert exports.check(package, fix=True) == []
    assert exports.check(package) == []


def test_a_new_distribution_holds_the_files_the_layout_names(monorepo) -> None:
    package = monorepo.add("nestpy-two-words")
    found = {str(file.relative_to(package.path)) for file in package.path.rglob("*") if file.is_file()}
    assert found == {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/nestpy_two_words/_module.py",
        "src/nestpy_two_words/_plugin.py",
        "src/nestpy_two_words/errors.py",
        "src/nestpy_two_words/py.typed",
        "tests/test_guards.py",
        "tests/test_plugin.py",
    }
    assert package.metadata["project"]["entry-points"] == {"nestpy": {"two-words": "nestpy_two_words._plugin"}}
    assert "class TwoWordsError(NestPyError)" in (package.source / "errors.py").read_text()


def test_no_template_token_is_left(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    for file in package.path.rglob("*"):
        assert file.is_dir() or "{{" not in file.read_text()


def test_it_takes_the_minor_version_of_its_siblings(monorepo) -> None:
    monorepo.add("nestpy-core")
    monorepo.edit("packages/nestpy-core/pyproject.toml", 'version = "0.1.0"', 'version = "0.7.3"')
    package = monorepo.add("nestpy-foo")
    assert package.version == "0.7.0"
    assert package.requirements == ["nestpy-core>=0.7,<0.8"]


def test_its_plugin_states_the_hooks_that_core_declares(monorepo) -> None:
    core = monorepo.add("nestpy-core")
    monorepo.edit("packages/nestpy-core/pyproject.toml", 'version = "0.1.0"', 'version = "0.7.0"')
    (core.source / "_hooks.py").write_text('"""The hooks."""\n\nAPI = (0, 3)\n')
    package = monorepo.add("nestpy-foo")
    assert 'nestpy_api = "0.3"\n' in (package.source / "_plugin.py").read_text()
    assert 'nestpy_api == "0.3"\n' in (package.path / "tests/test_plugin.py").read_text()


def test_a_core_without_a_declared_version_of_its_hooks_is_told(monorepo) -> None:
    core = monorepo.add("nestpy-core")
    (core.source / "_hooks.py").write_text('"""The hooks."""\n')
    with pytest.raises(ValueError, match=r"nestpy-core/src/nestpy_core/_hooks\.py` declares no `API`"):
        create(monorepo.root, "nestpy-foo", "What it gives.")
    assert not (monorepo.root / "packages/nestpy-foo").exists()


def test_files_that_exist_stay_as_they_are(monorepo) -> None:
    monorepo.write("packages/nestpy-foo/README.md", "mine")
    monorepo.add("nestpy-foo")
    assert (monorepo.root / "packages/nestpy-foo/README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["foo", "nestpy", "nestpy-", "nestpy-Foo", "nestpy_foo", "nestpy-../x"])
def test_other_names_are_refused(monorepo, name) -> None:
    with pytest.raises(ValueError, match="lower-case words joined by hyphens"):
        create(monorepo.root, name, "What it gives.")


@pytest.mark.e2e
def test_it_builds_and_its_wheel_holds_the_sources(monorepo, tmp_path: Path) -> None:
    package = monorepo.add("nestpy-foo")
    exports.check(package, fix=True)
    sdist, wheel = sorted(build(tmp_path / "dist", "sdist", "wheel", root=monorepo.root), reverse=True)
    assert (sdist.name, wheel.name) == ("nestpy_foo-0.1.0.tar.gz", "nestpy_foo-0.1.0-py3-none-any.whl")
    assert "nestpy_foo/py.typed" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.e2e
def test_ruff_and_its_own_tests_accept_what_the_template_makes(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    exports.check(package, fix=True)
    configuration = Path(__file__).parents[2] / "pyproject.toml"
    for verb in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *verb, "--config", str(configuration), "--no-cache", "."]
        done = subprocess.run(command, cwd=monorepo.root, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    source = str(package.source.parent)
    own = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package.path / "tests/test_plugin.py")]
    done = subprocess.run(
        own, cwd=package.path, env={**os.environ, "PYTHONPATH": source}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    plugin = (package.source / "_plugin.py").read_text(encoding="utf-8")
    assert "@hookimpl" in plugin, "the guard tests refuse a plugin without a hook"

import subprocess
import tomllib

import lint
import pytest
from workspace import ROOT


def test_paths_are_shown_from_the_root(monorepo) -> None:
    monorepo.add("nestpy-core")
    found = lint.findings(monorepo.root)
    assert "docker-compose.yml: is missing" in found
    assert not any(str(monorepo.root) in finding for finding in found)


def test_fix_rewrites_what_is_generated(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    lint.findings(monorepo.root, fix=True)
    assert "FooError as FooError" in (package.source / "__init__.py").read_text()
    assert not any("__init__.py" in finding for finding in lint.findings(monorepo.root))


def test_distributions_of_the_examples_keep_to_the_common_minor_version_too(monorepo) -> None:
    monorepo.add("nestpy-core")
    monorepo.write(
        "examples/plugins/acme/pyproject.toml",
        '[project]\nname = "acme"\nversion = "4.0.0"\ndependencies = ["nestpy-core>=0.1", "anyio"]\n',
    )
    found = [finding for finding in lint.findings(monorepo.root) if finding.startswith("examples/")]
    assert found == ["examples/plugins/acme/pyproject.toml: `nestpy-core>=0.1` must be `nestpy-core>=0.1,<0.2`"]


def test_a_missing_changelog_is_named_once(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    (package.path / "CHANGELOG.md").unlink()
    assert [finding for finding in lint.findings(monorepo.root) if "CHANGELOG" in finding] == [
        "packages/nestpy-foo/CHANGELOG.md: is missing"
    ]


def test_every_ignored_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    ignored = tomllib.loads(text)["tool"]["ruff"]["lint"]["ignore"]
    for rule in ignored:
        (line,) = [line for line in text.splitlines() if line.startswith(f'  "{rule}",')]
        assert "  # " in line


@pytest.mark.e2e
def test_make_help_describes_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in makefile.splitlines() if line.startswith(".PHONY: ")]
    assert len(targets) > 15
    for target in targets:
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [target]]
        assert len(line.split()) > 2

from check_pyprojects import check_siblings, check_template


def test_a_key_that_differs_from_the_template_is_named(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    file = "packages/nestpy-foo/pyproject.toml"
    monorepo.edit(file, 'requires-python = ">=3.11"', 'requires-python = ">=3.12"')
    assert check_template(package) == [
        f"{monorepo.root / file}: `project.requires-python` must be `>=3.11`, not `>=3.12`"
    ]


def test_a_key_that_the_template_lacks_is_named(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.write(
        "packages/nestpy-foo/pyproject.toml",
        (package.path / "pyproject.toml").read_text() + "\n[tool.ruff]\nline-length = 80\n",
    )
    (problem,) = check_template(package)
    assert problem.endswith("`tool.ruff.line-length` must be absent, not `80`")


def test_a_missing_key_is_named(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", 'license = "MIT"\n', "")
    (problem,) = check_template(package)
    assert problem.endswith("`project.license` must be `MIT`, not absent")


def test_what_a_distribution_decides_for_itself_may_differ(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit(
        "packages/nestpy-foo/pyproject.toml",
        "\n[tool.hatch.build.targets.wheel]",
        '\n[project.scripts]\nfoo = "nestpy_foo._command:main"\n\n[project.entry-points.pytest11]\nfoo = "x"\n\n'
        '[project.optional-dependencies]\nextra = ["anyio"]\n\n[tool.hatch.build.targets.wheel]',
    )
    assert check_template(package) == []


def test_the_entry_point_is_there_exactly_when_the_plugin_is(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    (package.source / "_plugin.py").unlink()
    (problem,) = check_template(package)
    assert problem.endswith("`project.entry-points.nestpy.foo` must be absent, not `nestpy_foo._plugin`")


def test_a_missing_file_is_named(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    (package.source / "py.typed").unlink()
    (package.path / "LICENSE").unlink()
    assert [problem.removeprefix(f"{package.path}/") for problem in check_template(package)] == [
        "LICENSE: is missing",
        "src/nestpy_foo/py.typed: is missing",
    ]


def test_the_licence_is_the_roots_word_for_word(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/LICENSE", "MIT License", "MIT Licence")
    (problem,) = check_template(package)
    assert problem == f"{package.path}/LICENSE: must be a copy of {monorepo.root}/LICENSE"


def test_a_description_is_a_sentence(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", "gives.", "gives")
    (problem,) = check_template(package)
    assert problem.endswith("`project.description` must be a sentence with a full stop")


def test_a_sibling_range_spans_exactly_the_common_minor_version(monorepo) -> None:
    packages = [monorepo.add("nestpy-core"), monorepo.add("nestpy-foo")]
    assert check_siblings(packages) == []
    monorepo.edit("packages/nestpy-foo/pyproject.toml", "nestpy-core>=0.1,<0.2", "nestpy-core>=0.1,<1")
    (problem,) = check_siblings([monorepo["nestpy-core"], monorepo["nestpy-foo"]])
    assert problem.endswith("`nestpy-core>=0.1,<1` must be `nestpy-core>=0.1,<0.2`")


def test_extras_of_a_sibling_keep_the_range(monorepo) -> None:
    packages = [monorepo.add("nestpy-core"), monorepo.add("nestpy-foo")]
    monorepo.edit("packages/nestpy-foo/pyproject.toml", "nestpy-core>=0.1,<0.2", "nestpy-core[fast]>=0.1,<0.2")
    assert check_siblings(packages) == []


def test_minor_versions_move_together_and_patches_do_not(monorepo) -> None:
    monorepo.add("nestpy-core")
    monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", 'version = "0.1.0"', 'version = "0.1.9"')
    assert check_siblings([monorepo["nestpy-core"], monorepo["nestpy-foo"]]) == []
    monorepo.edit("packages/nestpy-foo/pyproject.toml", 'version = "0.1.9"', 'version = "0.2.0"')
    (problem,) = check_siblings([monorepo["nestpy-core"], monorepo["nestpy-foo"]])
    assert problem.endswith("`project.version` must be 0.1.x like `nestpy-core`'s")


def test_a_list_that_differs_is_told_by_its_items(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", '  "Typing :: Typed",\n', '  "Typing :: Stubs Only",\n')
    (problem,) = check_template(package)
    assert problem.endswith("`project.classifiers` lacks `Typing :: Typed` and must not hold `Typing :: Stubs Only`")


def test_a_list_in_another_order_is_named(monorepo) -> None:
    package = monorepo.add("nestpy-foo")
    monorepo.edit("packages/nestpy-foo/pyproject.toml", '"/src", "/tests"', '"/tests", "/src"')
    (problem,) = check_template(package)
    assert problem.endswith("must be in the template's order, `['/src', '/tests', '/CHANGELOG.md']`")

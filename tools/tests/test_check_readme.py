from check_readme import END, START, check

README = f"# Title\n\n{START}\n\nold\n\n{END}\n\nThe rest.\n"


def test_the_table_is_refused_until_it_is_rewritten(monorepo) -> None:
    packages = [monorepo.add("nestpy-core"), monorepo.add("nestpy-foo")]
    readme = monorepo.write("README.md", README)
    assert check(readme, packages) == [f"{readme}: the table of distributions is out of date. Hint: run `make fmt`"]
    assert check(readme, packages, fix=True) == []
    assert check(readme, packages) == []
    assert readme.read_text() == (
        f"# Title\n\n{START}\n\n| distribution | gives |\n|---|---|\n"
        "| [nestpy-core](packages/nestpy-core) | What nestpy-core gives. |\n"
        "| [nestpy-foo](packages/nestpy-foo) | What nestpy-foo gives. |\n"
        f"\n{END}\n\nThe rest.\n"
    )


def test_a_readme_without_markers_is_refused(monorepo) -> None:
    readme = monorepo.write("README.md", "# Title\n")
    (problem,) = check(readme, [], fix=True)
    assert "must hold the markers" in problem

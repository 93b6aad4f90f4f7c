"""What tests need from outside pip, `make tools` knows how to install."""

import ast
import re

from workspace import ROOT

NOT_THERE = {"no-such-program", "sh"}


def needed() -> set[str]:
    """Every program that a test is marked with."""
    found: set[str] = set()
    for file in [
        *ROOT.glob("packages/*/tests/**/*.py"),
        *ROOT.glob("tests/*.py"),
        *ROOT.glob("examples/**/tests/*.py"),
    ]:
        for arguments in re.findall(r"mark\.needs(\([^)]*\))", file.read_text(encoding="utf-8")):
            given = ast.literal_eval(arguments)
            found.update((given,) if isinstance(given, str) else given)
    return found - NOT_THERE


def test_every_program_that_a_test_needs_has_its_package_in_the_makefile() -> None:
    (line,) = re.findall(r"^TOOLS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {pair.partition(":")[0] for pair in line.split()}
    assert {"chromium", "node"} <= needed()
    assert needed() <= listed, "add each as `program:package` to `TOOLS` in the Makefile"

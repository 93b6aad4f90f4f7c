"""The schema as a file: written, compared, and refused once it has drifted."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(180)

HERE = Path(__file__).parent / "audited"
SDL = "type Mutation {\n  change: String!\n}\n\ntype Query {\n  hello: String!\n}\n"


def nestpy(*words, cwd=HERE):
    command = [Path(sys.executable).with_name("nestpy"), "graphql", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_the_schema_is_printed_the_same_each_time():
    first, second = nestpy("export", "main:app"), nestpy("export", "main:app")
    assert (first.returncode, first.stdout) == (0, SDL), first.stderr
    assert second.stdout == first.stdout


def test_a_file_that_is_right_passes_and_one_that_has_drifted_is_shown(tmp_path):
    file = tmp_path / "schema.graphql"
    missing = nestpy("check", "main:app", file)
    assert missing.returncode == 1
    assert f"{file} does not exist; write it with: nestpy graphql export main:app -o {file}" in missing.stderr
    assert nestpy("export", "main:app", "-o", file).returncode == 0
    assert file.read_text() == SDL
    assert nestpy("check", "main:app", file).returncode == 0
    file.write_text(SDL.replace("hello", "bye"))
    drifted = nestpy("check", "main:app", file)
    assert drifted.returncode == 1
    assert "-  bye: String!" in drifted.stdout
    assert "+  hello: String!" in drifted.stdout
    assert f"{file} differs; write it anew with: nestpy graphql export main:app -o {file}" in drifted.stderr


def test_an_app_without_resolvers_is_told_so(tmp_path):
    (tmp_path / "bare.py").write_text(
        "from nestpy_core import App, module\n\n@module()\nclass Bare: ...\n\napp = App(Bare)\n"
    )
    done = nestpy("export", "bare:app", cwd=tmp_path)
    assert (done.returncode, "bare:app has no resolvers" in done.stderr) == (1, True)

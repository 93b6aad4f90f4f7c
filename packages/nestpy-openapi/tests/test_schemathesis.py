"""Servers keep what their documents say: what schemathesis sends finds no 5xx and no contradiction."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

EXAMPLES = Path(__file__).parents[3] / "examples"
DESCRIBED = """
from main import AppModule
from nestpy_core import App, module
from nestpy_openapi import OpenApiModule

@module(imports=[AppModule, OpenApiModule])
class DescribedModule: ...

if __name__ == "__main__":
    App(DescribedModule).run()
"""
NO_INVENTED_CURSORS = """
import schemathesis

@schemathesis.hook
def filter_case(context, case):
    return "after" not in (case.query or {})
"""
ACME = "01890a5d-ac96-7740-8000-000000000001"
CREDENTIALS = ["--header", "x-api-key: open", "--header", "authorization: Bearer staff"]


def tried(url, directory, *options, **environ):
    """Return whether a server kept its document, and what schemathesis says of it."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api-json", "--max-examples", "25"]
    command += ["--seed", "1", "--workers", "1", "--generation-database", "none", "--no-color", *options]
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert re.search(r"\d+ generated", done.stdout), done.stdout + done.stderr
    return done.returncode == 0, done.stdout


def test_a_server_with_every_kind_of_input_and_answer_keeps_its_document(start_process, tmp_path):
    kept, said = tried(start_process(), tmp_path, *CREDENTIALS)
    assert kept, said


def test_without_credentials_it_refuses_as_its_document_says(start_process, tmp_path):
    kept, said = tried(start_process(), tmp_path, "--include-path-regex", "^/staff", "--phases", "coverage")
    assert kept, said


def test_the_first_example_keeps_its_document(start_process, tmp_path):
    (tmp_path / "described.py").write_text(DESCRIBED)
    url = start_process("described.py", cwd=tmp_path, PYTHONPATH=str(EXAMPLES / "app"))
    kept, said = tried(url, tmp_path)
    assert kept, said


@pytest.mark.parametrize("role", ["admin", "user"])
def test_the_example_of_entities_keeps_its_document_whatever_the_caller_may_see(start_process, tmp_path, role):
    (tmp_path / "signed.py").write_text(NO_INVENTED_CURSORS)
    url = start_process(str(EXAMPLES / "api" / "main.py"), DATABASE_URL=f"sqlite:///{tmp_path / 'x.sqlite'}")
    caller = ["--header=x-api-key: demo", f"--header=x-org-id: {ACME}", f"--header=x-roles: {role}"]
    kept, said = tried(url, tmp_path, *caller, SCHEMATHESIS_HOOKS="signed", PYTHONPATH=str(tmp_path))
    assert kept, said


def test_a_document_that_says_too_little_is_found_out(start_process, tmp_path):
    source = (Path(__file__).parent / "shelter" / "main.py").read_text()
    too_little = '@api(extra={"responses": {"200": {"description": "OK"}}})\n    @get("/{cat_id}")\n'
    (tmp_path / "main.py").write_text(source.replace('@get("/{cat_id}")\n', too_little))
    kept, said = tried(
        start_process(cwd=tmp_path), tmp_path, "--include-path-regex", "^/cats/{cat_id}$", "--phases", "coverage"
    )
    assert not kept
    assert "Undocumented" in said

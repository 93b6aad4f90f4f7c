"""`nestpy openapi` writes the document, and tells when a committed one is no longer the app's."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nestpy_openapi._commands import openapi

MAIN = Path(__file__).parent / "shelter" / "main.py"


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    sys.modules.pop("main", None)


def nestpy(*arguments):
    return CliRunner().invoke(openapi, [*map(str, arguments)])


def test_export_writes_to_stdout_or_a_file_and_check_agrees(tmp_path):
    printed = nestpy("export", f"{MAIN}:app").stdout
    file = tmp_path / "openapi.json"
    said = nestpy("export", f"{MAIN}:app", "-o", file)
    assert (said.exit_code, said.stdout) == (0, f"{file} holds the document of {MAIN}:app.\n")
    assert file.read_text() == printed
    assert json.loads(printed)["info"]["title"] == "The shelter"
    agreed = nestpy("check", f"{MAIN}:app", file)
    assert (agreed.exit_code, agreed.stdout) == (0, f"{file} is the document of {MAIN}:app.\n")


def test_check_shows_what_differs_and_exits_with_1(tmp_path):
    file = tmp_path / "openapi.json"
    nestpy("export", f"{MAIN}:app", "-o", file)
    file.write_text(file.read_text().replace('"title": "The shelter"', '"title": "The house"'))
    result = nestpy("check", f"{MAIN}:app", file)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"--- {file}",
        f"+++ {MAIN}:app now",
        "@@ -1,7 +1,7 @@",
        " {",
        '   "openapi": "3.1.1",',
        '   "info": {',
        '-    "title": "The house",',
        '+    "title": "The shelter",',
        '     "version": "1.2.0",',
        '     "description": "Cats and *who cares for them*.",',
        '     "contact": {',
    ]
    assert result.stderr == (
        f"{file} is not the document of {MAIN}:app.\nHint: `nestpy openapi export {MAIN}:app -o {file}`\n"
    )


def test_a_version_can_be_named(tmp_path):
    (tmp_path / "main.py").write_text(
        "from nestpy_core import module\n"
        "from nestpy_http import HttpModule, controller, get\n"
        "@controller('/cats', version=['1', '2'])\n"
        "class CatsController:\n"
        "    @get('/')\n"
        "    async def list(self) -> str: ...\n"
        "@module(imports=[HttpModule], providers=[CatsController])\n"
        "class AppModule: ...\n"
    )
    result = nestpy("export", tmp_path / "main.py", "--version", "2")
    assert list(json.loads(result.stdout)["paths"]) == ["/v2/cats"]


def test_a_target_that_is_none_exits_as_every_command_does(tmp_path):
    result = nestpy("export", tmp_path / "absent.py")
    assert (result.exit_code, result.stderr) == (2, f"Error: There is no file `{tmp_path / 'absent.py'}`.\n")

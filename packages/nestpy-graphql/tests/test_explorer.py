"""What the explorer is made of: a page that names its own files alone, and the files as they were vendored."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nestpy_core import App
from nestpy_graphql import _explorer
from nestpy_graphql._explorer import ASSETS, explorer_page
from nestpy_http import HttpClient

pytestmark = pytest.mark.anyio

VENDORED = Path(_explorer.__file__).parent / "_vendor" / "graphiql"


@pytest.fixture
async def client():
    path = Path(__file__).parent / "transports" / "main.py"
    spec = importlib.util.spec_from_file_location("graphql_transports_main", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = App(module.AppModule, environ={"NESTPY_ENV": "test"}, plugins=[module.Explorer()])
    async with app.create_context():
        yield HttpClient(app.__rsgi__)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/graphql", "graphql/explorer"),
        ("/api/graphql", "graphql/explorer"),
        ("/graphql/", "explorer"),
        ("/", "explorer"),
    ],
)
async def test_the_page_names_its_files_relative_to_itself_and_holds_no_script(path, base):
    page, policy = explorer_page(path)
    text = page.decode()
    assert re.findall(r'(?:src|href)="([^"]+)"', text) == ["data:,", *(f"{base}/{name}" for name in ASSETS)]
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""] * 4
    assert "<style" not in text
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


async def test_a_path_cannot_write_into_the_page():
    page, _ = explorer_page('/"><script>alert(1)</script>')
    assert b"<script>" not in page


async def test_the_page_and_its_files_are_served_with_validators(client):
    page = await client.get("/graphql")
    assert (page.status, page.media_type) == (200, "text/html")
    assert page.headers.get("content-security-policy") == _explorer.POLICY
    for name, (file, media_type) in ASSETS.items():
        answer = await client.get(f"/graphql/explorer/{name}")
        assert (answer.status, answer.headers.get("content-type")) == (200, media_type)
        assert answer.content == (VENDORED.parents[1] / file).read_bytes()
        again = await client.get(f"/graphql/explorer/{name}", headers={"if-none-match": answer.headers.get("etag")})
        assert (again.status, again.content) == (304, b"")
    assert (await client.get("/graphql/explorer/VERSION")).status == 404


async def test_the_vendored_files_are_those_that_were_published():
    lines = [line.split() for line in (VENDORED / "VERSION").read_text().splitlines()]
    assert {line[2] for line in lines} == {"graphiql@4.1.2", "react@18.3.1", "react-dom@18.3.1"}
    assert {line[1] for line in lines} == {one.name for one in VENDORED.iterdir()} - {"VERSION"}
    for digest, name, _ in lines:
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.e2e
async def test_the_wheel_holds_the_page_with_its_licences(tmp_path):
    package = Path(__file__).parents[1]
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, package], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name.partition("/")[2] for name in wheel.namelist()}
    vendored = {f"_vendor/graphiql/{one.name}" for one in VENDORED.iterdir()}
    assert names >= vendored | {"_explorer.js", "_explorer.css"}

"""Document and page are served where the settings say, the page in development alone."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nestpy_core import APP_GUARD, Denial, provide
from nestpy_http import HttpClient, controller, get
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio
DEVELOPMENT = {"NESTPY_ENV": "development"}


@controller("/cats", version=["1", "2"])
class CatsController:
    @get("/")
    async def list(self) -> str: ...


class NobodyGuard:
    posture = True

    def can_activate(self, context) -> bool | Denial:
        return False


async def answers(app, *paths, **headers):
    async with app.create_context():
        client = HttpClient(app.__rsgi__)
        return [await client.get(path, headers=headers) for path in paths]


async def test_the_document_is_sent_with_a_validator_that_answers_304(make_app):
    app = make_app(CatsController)
    (whole,) = await answers(app, "/api-json")
    assert (whole.status, whole.headers["content-type"]) == (200, "application/json")
    assert whole.json()["openapi"] == "3.1.1"
    (same,) = await answers(app, "/api-json", **{"if-none-match": whole.headers["etag"]})
    assert (same.status, same.content, same.headers["etag"]) == (304, b"", whole.headers["etag"])


@pytest.mark.parametrize(("environ", "status"), [({}, 404), (DEVELOPMENT, 200), ({"NESTPY_ENV": "production"}, 404)])
async def test_the_page_is_off_outside_development(make_app, environ, status):
    (page, asset) = await answers(make_app(environ=environ), "/api", "/api/swagger-ui.css")
    assert (page.status, asset.status) == (status, status)


async def test_code_and_the_environment_turn_the_page_on_and_off(make_app):
    (shown,) = await answers(make_app(ui=True), "/api")
    (hidden,) = await answers(make_app(ui=True, environ={"NESTPY_OPENAPI__UI": "false"}), "/api")
    assert (shown.status, hidden.status) == (200, 404)


async def test_the_page_holds_no_script_and_nothing_of_elsewhere(make_app):
    app = make_app(ui=True, servers=["https://api.example.com/v1", "/v1"])
    page, script, style = await answers(app, "/api", "/api/page.js", "/api/page.css")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": "'self' https://api.example.com",
        "font-src": "'self' data:",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "img-src": "'self' data:",
        "script-src": "'self'",
        "style-src": "'self'",
    }
    assert re.findall(r"<script[^>]*>[^<]", page.text) == []
    assert "://" not in page.text + script.text + style.text
    assert "5.35" not in page.text + script.text


async def test_everything_that_the_page_names_is_there_under_a_prefix(make_app):
    app = make_app(CatsController, ui=True, http={"prefix": "/deep/down"})
    (page,) = await answers(app, "/deep/down/api")
    named = re.findall(r'(?:src|href|data-url)="([^"#]+)"', page.text)
    assert {"api/swagger-ui-bundle.js", "api-json", "api-json/v1", "api-json/v2"} <= set(named)
    assert {one.status for one in await answers(app, *[f"/deep/down/{name}" for name in named])} == {200}


@pytest.mark.parametrize(
    ("paths", "page", "document"),
    [
        ({"path": "/docs/openapi.json", "ui_path": "/docs"}, "/docs", "docs/openapi.json"),
        ({"path": "/openapi.json", "ui_path": "/docs/ui"}, "/docs/ui", "../openapi.json"),
        ({"ui_path": "/"}, "/", "api-json"),
    ],
)
async def test_paths_are_free(make_app, paths, page, document):
    (found, _) = await answers(make_app(ui=True, **paths), page, "/api-json")
    assert f'<nav data-url="{document}">' in found.text


async def test_without_a_path_nothing_is_served(make_app):
    document, page = await answers(make_app(path="", ui=True), "/api-json", "/api")
    assert (document.status, page.status) == (404, 404)


async def test_each_version_has_a_document(make_app):
    app = make_app(CatsController, http={"versioning": "header"})
    first, second, third = await answers(app, "/api-json/v1", "/api-json/v2", "/api-json/v3")
    assert (first.status, second.status, third.status) == (200, 200, 404)
    assert first.json()["paths"]["/cats"]["get"]["operationId"] == "cats_list_v1"
    assert second.json()["paths"]["/cats"]["get"]["operationId"] == "cats_list_v2"


async def test_guards_that_authenticate_let_the_document_pass_unless_it_is_not_public(make_app):
    nobody = provide(APP_GUARD, use_class=NobodyGuard, multi=True)
    (passed,) = await answers(make_app(CatsController, nobody), "/api-json")
    (refused,) = await answers(make_app(CatsController, nobody, public=False), "/api-json")
    assert (passed.status, refused.status) == (200, 403)


@pytest.mark.e2e
def test_the_wheel_holds_the_page_with_its_licence(tmp_path):
    package = Path(__file__).parents[1]
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, package], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name.partition("/")[2] for name in wheel.namelist()}
    vendored = {"LICENSE", "NOTICE", "VERSION", "swagger-ui.css", "swagger-ui-bundle.js"}
    assert names >= {f"_vendor/swagger-ui-dist/{name}" for name in vendored} | {"_page.js", "_page.css"}


async def test_the_test_kit_reads_it(shelter):
    async with TestApp(shelter.ShelterModule) as app:
        assert (await app.http.get("/api-json")).json()["info"]["title"] == "The shelter"

"""The page works in a browser that reaches nothing but the app."""

from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

BLOCK = "#operations-Cats-cats_read"


@pytest.mark.parametrize("prefix", ["", "/under/here"])
def test_a_request_is_sent_from_the_page_and_its_answer_shown_without_a_network(prefix, start_process, page, tmp_path):
    url = start_process(NESTPY_ENV="development", NESTPY_HTTP__PREFIX=prefix)
    page.open(f"{url}{prefix}/api")
    page.click(f"{BLOCK} .opblock-summary-control")
    page.click(f"{BLOCK} .try-out__btn")
    page.type(f"{BLOCK} input[placeholder=cat_id]", "2")
    page.click(f"{BLOCK} .execute")
    shown = page.wait_for(f"document.querySelector('{BLOCK} .live-responses-table .response')?.innerText")
    assert "200" in shown
    page.evaluate(f"document.querySelector('{BLOCK}').scrollIntoView()")
    assert '"name": "Tom"' in shown
    assert page.evaluate("document.title") == "The shelter"
    assert f"{url}{prefix}/cats/2" in page.requests
    assert {urlsplit(one).netloc for one in page.requests if not one.startswith("data:")} == {urlsplit(url).netloc}
    assert page.complaints == []
    assert page.screenshot(tmp_path / "page.png").stat().st_size > 10_000


def test_a_file_is_chosen_and_a_body_is_written_in_the_page(start_process, page):
    url = start_process(NESTPY_ENV="development")
    page.open(f"{url}/api")
    block = "#operations-Inputs-inputs_upload"
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    assert page.wait_for(f"document.querySelector('{block} input[type=file]')?.type") == "file"
    block = "#operations-Cats-cats_create"
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    page.type(f"{block} textarea", '{"name": "Felix"}')
    page.click(f"{block} .execute")
    shown = page.wait_for(f"document.querySelector('{block} .live-responses-table .response')?.innerText")
    assert "201" in shown
    assert '"name": "Felix"' in shown
    assert page.complaints == []


VERSIONS = """
from nestpy_core import App, module
from nestpy_http import HttpModule, controller, get
from nestpy_openapi import OpenApiModule

@controller("/cats", version=["1", "2"])
class CatsController:
    @get("/")
    async def list(self) -> list[str]:
        return ["Tom"]

@module(imports=[HttpModule.for_root(versioning="header"), OpenApiModule.for_root(ui=True)], providers=[CatsController])
class AppModule: ...

App(AppModule).run()
"""


def test_a_version_is_chosen_in_the_page_and_sent_with_the_request(start_process, page, tmp_path):
    (tmp_path / "main.py").write_text(VERSIONS)
    url = start_process(cwd=tmp_path)
    page.open(f"{url}/api")
    page.click("#operations-Cats-cats_list_v2 .opblock-summary-control")
    page.click("nav a:nth-child(2)")
    block = "#operations-Cats-cats_list_v1"
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    page.click(f"{block} .execute")
    shown = page.wait_for(f"document.querySelector('{block} .live-responses-table .response')?.innerText")
    assert '"Tom"' in shown
    assert page.evaluate("document.querySelector('nav a[aria-current]').innerText") == "v1"
    assert page.complaints == []

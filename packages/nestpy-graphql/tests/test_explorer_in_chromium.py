"""The explorer works in a browser that reaches nothing but the app."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nestpy_testing import Program, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

HERE = Path(__file__).parent / "transports"
RESULT = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()"


@pytest.fixture(params=[("main.py", "/under/here"), ("resolved.py", "")], ids=lambda param: param[0])
def url(request):
    script, prefix = request.param
    port = free_port()
    environ = {"NESTPY_HTTP__PORT": str(port), "NESTPY_HTTP__PREFIX": prefix, "NESTPY_ENV": "development"}
    with Program(script, cwd=HERE, environ=environ, port=port):
        yield f"http://127.0.0.1:{port}{prefix}/graphql"


EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror')?.CodeMirror"


def ask(page, query):
    """Write *query* where the page has its query, and send it once the page has read it, and the schema.

    It reads a moment after somebody has typed. A click before that sends the query, but as what was read before: a
    subscription would go by POST.
    """
    page.wait_for(f"!!{EDITOR}")
    page.evaluate(f"{EDITOR}.setValue({json.dumps(query)})")
    page.wait_for(f"{EDITOR}.documentAST?.loc.source.body === {json.dumps(query)} && !!{EDITOR}.options.lint.schema")
    page.click(".graphiql-execute-button")


def test_a_query_is_sent_from_the_page_and_its_result_shown_without_a_network(url, page, tmp_path):
    page.open(url)
    ask(page, '{ hello(name: "Ada") }')
    shown = page.wait_for(f"({RESULT} || '').includes('Ada') && {RESULT}")
    assert json.loads(shown) == {"data": {"hello": "Hello Ada"}}
    page.click('button[aria-label="Show Documentation Explorer"]')
    assert page.wait_for("document.querySelector('.graphiql-doc-explorer-content')?.innerText.includes('Subscription')")
    host = urlsplit(url).netloc
    assert {urlsplit(one).netloc for one in page.requests if not one.startswith("data:")} == {host}
    assert page.complaints == []
    assert page.screenshot(tmp_path / "page.png").stat().st_size > 10_000


STOP = "document.querySelector('.graphiql-execute-button').getAttribute('aria-label').startsWith('Stop')"


def test_a_subscription_of_the_page_shows_its_events_until_it_is_stopped(url, page):
    page.open(url)
    ask(page, "subscription { endless }")
    page.wait_for(f"({RESULT} || '').includes('first') && {STOP}")
    assert json.loads(page.evaluate(RESULT)) == {"data": {"endless": "first"}}
    page.click(".graphiql-execute-button")
    page.wait_for(f"!{STOP}")
    assert page.complaints == []

"""Persisted operations through the endpoint: trusted documents, automatic ones, and settings that make no sense."""

import hashlib
import json

import pytest

from nestpy_core import App, BootError, ConfigurationError, module, public
from nestpy_graphql import GraphqlModule, query, resolver
from nestpy_http import HttpModule
from nestpy_testing import TestApp

DOCUMENT = "{ hello }"
HASH = hashlib.sha256(DOCUMENT.encode()).hexdigest()
ASKED = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}


@public
@resolver()
class Greeting:
    @query()
    async def hello(self) -> str:
        return "hello"


def root_of(**settings):
    @module(imports=[HttpModule, GraphqlModule.for_root(**settings)], providers=[Greeting])
    class Root: ...

    return Root


async def post(app, **body):
    found = await app.http.post("/graphql", json=body)
    assert found.status == 200
    return found.json()


async def test_a_document_that_was_sent_once_is_found_by_its_hash():
    async with TestApp(root_of(automatic_persisted=True)) as app:
        missing = await post(app, extensions=ASKED)
        assert missing["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        assert await post(app, query=DOCUMENT, extensions=ASKED) == {"data": {"hello": "hello"}}
        assert await post(app, extensions=ASKED) == {"data": {"hello": "hello"}}


async def test_hashes_are_refused_where_they_are_off():
    async with TestApp(root_of()) as app:
        refused = await post(app, extensions=ASKED)
        assert refused["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"


async def test_only_trusted_documents_run_where_it_is_said(tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({HASH: DOCUMENT}))
    async with TestApp(root_of(persisted_manifest=str(manifest), only_persisted=True)) as app:
        assert await post(app, extensions=ASKED) == {"data": {"hello": "hello"}}
        refused = await post(app, query="{ hello again: hello }")
        assert refused["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"


def test_a_manifest_that_is_absent_or_wrong_fails_the_boot(tmp_path):
    wrong = tmp_path / "manifest.json"
    wrong.write_text(json.dumps({"0" * 64: DOCUMENT}))
    for settings, start in (
        (
            {"persisted_manifest": str(tmp_path / "absent.json")},
            "Setting `graphql.persisted_manifest` must be a file that can be read: No such file or directory\nHint:",
        ),
        ({"persisted_manifest": str(wrong)}, "Setting `graphql.persisted_manifest` is refused: the manifest gives"),
        ({"only_persisted": True}, "Setting `graphql.persisted_manifest` is refused: only persisted operations"),
    ):
        with pytest.raises(BootError) as failed:
            App(root_of(**settings))
        assert str(failed.value.exceptions[0]).startswith(start)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("only_persisted", True),
        ("automatic_persisted", True),
        ("persisted_manifest", "documents.json"),
        ("explorer", True),
        ("max_representations", 1),
    ],
)
async def test_what_is_read_at_boot_is_not_left_to_the_start(name, value):
    late = GraphqlModule.for_root_async(use_factory=lambda: {name: value})

    @module(imports=[HttpModule.for_root(), late], providers=[Greeting])
    class LateModule: ...

    with pytest.raises(ConfigurationError, match=rf"`graphql\.{name}` must not come from"):
        async with TestApp(LateModule):
            pass

"""Persisted operations: Apollo's protocol, trusted documents, and that neither lets anything else in."""

import hashlib
import json

import pytest

from nestpy_graphql._documents import RefusedDocument
from nestpy_graphql._persisted import Persisted, read_manifest

NAME, OTHER = "{ name }", "{ other }"


def hash_of(source):
    return hashlib.sha256(source.encode()).hexdigest()


def asked(source, **changes):
    return {"persistedQuery": {"version": 1, "sha256Hash": hash_of(source)} | changes}


def refused(persisted, query, extensions):
    with pytest.raises(RefusedDocument) as caught:
        persisted.source_of(query, extensions)
    (error,) = caught.value.errors
    return error.extensions["code"], error.message


def test_a_query_is_stored_under_its_hash_and_found_by_it_alone():
    persisted = Persisted(None, automatic=True, only=False)
    assert refused(persisted, None, asked(NAME)) == ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    assert persisted.source_of(NAME, asked(NAME)) == NAME
    assert persisted.source_of(None, asked(NAME)) == NAME
    assert persisted.source_of("", asked(NAME)) == NAME
    assert persisted.source_of(None, asked(NAME, sha256Hash=hash_of(NAME).upper())) == NAME
    assert persisted.source_of(OTHER, None) == OTHER
    assert refused(persisted, None, asked(OTHER))[0] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("before", [True, False], ids=["stored", "unknown"])
def test_a_query_under_the_hash_of_another_is_refused_and_not_stored(before):
    persisted = Persisted(None, automatic=True, only=False)
    if before:
        persisted.source_of(NAME, asked(NAME))
    code, message = refused(persisted, OTHER, asked(NAME))
    assert code == "BAD_USER_INPUT"
    assert "not the SHA-256" in message
    if before:
        assert persisted.source_of(None, asked(NAME)) == NAME
    else:
        assert refused(persisted, None, asked(NAME))[0] == "PERSISTED_QUERY_NOT_FOUND"


def test_without_persisted_operations_a_hash_alone_is_refused_and_one_beside_a_query_is_ignored():
    persisted = Persisted(None, automatic=False, only=False)
    assert refused(persisted, None, asked(NAME)) == ("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
    assert persisted.source_of(NAME, asked(NAME)) == NAME
    assert persisted.source_of(NAME, {}) == NAME
    assert persisted.source_of(NAME, {"other": 1}) == NAME


def test_the_store_is_bounded_and_what_is_asked_for_outlives_a_flood():
    persisted = Persisted(None, automatic=True, only=False, stored=20, max_bytes=100)
    persisted.source_of(NAME, asked(NAME))
    persisted.source_of(None, asked(NAME))
    for number in range(200):
        source = f"{{ name{number} }}"
        persisted.source_of(source, asked(source))
    assert persisted.source_of(None, asked(NAME)) == NAME
    assert refused(persisted, None, asked("{ name0 }"))[0] == "PERSISTED_QUERY_NOT_FOUND"
    large = "{ " + "n" * 100 + " }"
    assert persisted.source_of(large, asked(large)) == large
    assert refused(persisted, None, asked(large))[0] == "PERSISTED_QUERY_NOT_FOUND"


def test_trusted_documents_are_found_and_others_run_unless_only_they_may():
    manifest = {hash_of(NAME): NAME}
    beside, only = Persisted(manifest, automatic=False, only=False), Persisted(manifest, automatic=False, only=True)
    for persisted in (beside, only):
        assert persisted.source_of(None, asked(NAME)) == NAME
        assert persisted.source_of(NAME, None) == NAME
        assert persisted.source_of(NAME, asked(NAME)) == NAME
        assert refused(persisted, None, asked(OTHER))[0] == "PERSISTED_QUERY_NOT_FOUND"
    assert beside.source_of(OTHER, None) == OTHER
    for extensions in (None, asked(OTHER), asked(NAME)):
        assert refused(only, OTHER, extensions)[0] == "PERSISTED_QUERY_ONLY"
    assert beside.source_of(OTHER, asked(OTHER)) == OTHER
    assert refused(beside, None, asked(OTHER))[0] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "extensions",
    [
        {"persistedQuery": "x"},
        {"persistedQuery": []},
        {"persistedQuery": {}},
        asked(NAME, version=2),
        asked(NAME, version="1"),
        asked(NAME, version=True),
        asked(NAME, sha256Hash="abc"),
        asked(NAME, sha256Hash=None),
        asked(NAME, sha256Hash="z" * 64),
        asked(NAME, sha256Hash=hash_of(NAME) + "\n"),
    ],
)
def test_a_malformed_hash_is_refused_with_what_it_must_be(extensions):
    for query in (None, NAME):
        code, message = refused(Persisted(None, automatic=True, only=False), query, extensions)
        assert code == "BAD_USER_INPUT"
        assert "must be" in message


@pytest.mark.parametrize(("query", "extensions"), [(None, None), ("", None), (None, {}), (5, None), (None, "x")])
def test_a_request_without_a_document_is_refused(query, extensions):
    assert refused(Persisted(None, automatic=True, only=False), query, extensions)[0] == "BAD_USER_INPUT"


def test_settings_that_contradict_each_other_are_refused_at_boot():
    with pytest.raises(ValueError, match="give a manifest"):
        Persisted(None, automatic=False, only=True)
    with pytest.raises(ValueError, match="give a manifest"):
        Persisted({}, automatic=False, only=True)
    with pytest.raises(ValueError, match="turn them off"):
        Persisted({hash_of(NAME): NAME}, automatic=True, only=True)
    with pytest.raises(ValueError, match=f"whose SHA-256 is `{hash_of(NAME)}`"):
        Persisted({hash_of(OTHER): NAME}, automatic=False, only=False)


def test_a_manifest_is_a_plain_object_or_apollos():
    plain = json.dumps({hash_of(NAME): NAME})
    listed = [{"id": hash_of(NAME), "name": "N", "type": "query", "body": NAME}]
    apollos = json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": listed})
    assert read_manifest(plain) == read_manifest(apollos.encode()) == {hash_of(NAME): NAME}


@pytest.mark.parametrize(
    "text", ["", "[]", "5", '{"a": 1}', '{"format": "apollo-persisted-query-manifest"}', '{"a": "b"}']
)
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ValueError, match="the manifest"):
        read_manifest(text)

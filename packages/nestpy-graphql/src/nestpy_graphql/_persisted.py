"""Persisted operations: a client names a document by its SHA-256 instead of sending it.

Two kinds, which may be combined. Trusted documents come from a manifest that the build of the client wrote; with
``only`` everything else is refused, so that nobody can send a query that no client of the app ever had. Automatic
persisted queries follow Apollo's protocol: a client sends the hash alone, and the whole query with it when it is told
``PERSISTED_QUERY_NOT_FOUND``; the store is bounded, and what is asked for twice outlives a flood of new ones.

A hash is looked up as it is: a document found by it passes the same limits and rules as one that was sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ._cache import Cache
from ._refused import Code, RefusedDocument, refusal

STORED = 1000
"""Automatic persisted queries that are kept at most."""

STORED_BYTES = 16 * 1024 * 1024

HASH = re.compile(r"[0-9a-f]{64}")


def read_manifest(text: str | bytes) -> dict[str, str]:
    """Read a manifest of trusted documents.

    Args:
        text: a JSON object of documents by their SHA-256 in hexadecimal, or Apollo's ``persisted-query-manifest``,
            whose ``operations`` have an ``id`` and a ``body``.

    Returns:
        The documents by hash.

    Raises:
        ValueError: the text is no manifest; it says where and what was expected.
    """
    try:
        raw = msgspec.json.decode(text)
        if isinstance(raw, dict) and raw.get("format") == "apollo-persisted-query-manifest":
            listed = msgspec.convert(raw, _ApolloManifest).operations
            documents = {one.id: one.body for one in listed}
        else:
            documents = msgspec.convert(raw, dict[str, str])
    except msgspec.MsgspecError as error:
        raise ValueError(f"the manifest of persisted operations cannot be read: {error}") from None
    verify_manifest(documents)
    return documents


def verify_manifest(documents: Mapping[str, str]) -> None:
    """Refuse a manifest whose documents do not have the hashes that it gives them.

    Raises:
        ValueError: names the first entry that is wrong, and the hash that it should have.
    """
    for given, source in documents.items():
        right = _hash_of(source)
        if given != right:
            start = " ".join(source[:60].split())
            raise ValueError(
                f"the manifest gives `{given[:70]}` to the document `{start}…`, whose SHA-256 is `{right}`"
            )


class _ApolloOperation(msgspec.Struct):
    id: str
    body: str


class _ApolloManifest(msgspec.Struct):
    operations: list[_ApolloOperation]


class Persisted:
    """Finds the document that a request means.

    Args:
        manifest: trusted documents by their SHA-256 in lower-case hexadecimal; None for none.
        automatic: whether clients may store queries under their hash (Apollo's protocol).
        only: whether documents outside the manifest are refused.
        stored: automatic persisted queries that are kept.
        max_bytes: the size of one that is kept; a larger one is answered and forgotten, as limits will refuse it.

    Raises:
        ValueError: *only* without a manifest or together with *automatic*, or a manifest with wrong hashes.
    """

    __slots__ = ("_automatic", "_manifest", "_max_bytes", "_only", "_store", "_trusted")

    def __init__(
        self,
        manifest: Mapping[str, str] | None,
        automatic: bool,  # noqa: FBT001  # the three say what the app allows, in this order
        only: bool,  # noqa: FBT001
        *,
        stored: int = STORED,
        max_bytes: int = 65_536,
    ) -> None:
        if only and not manifest:
            raise ValueError("only persisted operations are allowed and there is none: give a manifest that has some")
        if only and automatic:
            raise ValueError(
                "automatic persisted queries let clients add documents: turn them off where only trusted run"
            )
        self._manifest = dict(manifest or {})
        verify_manifest(self._manifest)
        self._trusted = frozenset(self._manifest.values())
        self._automatic, self._only, self._max_bytes = automatic, only, max_bytes
        self._store: Cache[str] = Cache(stored, STORED_BYTES)

    def source_of(self, query: str | None, extensions: Mapping[str, Any] | None) -> str:
        """Return the document that a request means.

        Args:
            query: what it sent as ``query``; None or empty if it sent a hash alone.
            extensions: what it sent as ``extensions``; its ``persistedQuery`` is read.

        Raises:
            RefusedDocument: the hash is unknown (``PERSISTED_QUERY_NOT_FOUND``: send the query with it), persisted
                queries are off (``PERSISTED_QUERY_NOT_SUPPORTED``), the document is not among the trusted ones
                (``PERSISTED_QUERY_ONLY``), or the request makes no sense (``BAD_USER_INPUT``).
        """
        if query is not None and not isinstance(query, str):
            raise _refused("BAD_USER_INPUT", "`query` must be a string.")
        asked = extensions.get("persistedQuery") if isinstance(extensions, Mapping) else None
        if asked is None:
            return self._plain(query)
        digest = self._digest(asked)
        source = self._manifest.get(digest)
        if source is None and self._automatic:
            source = self._store.get(digest)
        if query and (source is None or source != query):
            return self._sent(query, digest)
        if source is not None:
            return source
        if not self._manifest and not self._automatic:
            raise _refused("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        raise _refused("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")

    def _plain(self, query: str | None) -> str:
        if not query:
            raise _refused("BAD_USER_INPUT", "The request has neither `query` nor a persisted operation's hash.")
        if self._only and query not in self._trusted:
            raise _refused("PERSISTED_QUERY_ONLY", "Only operations of the manifest may be executed.")
        return query

    def _sent(self, query: str, digest: str) -> str:
        """Return a query that came with its hash, and keep it where that is allowed."""
        if self._only:
            return self._plain(query)
        if not self._automatic and not self._manifest:
            return query
        if _hash_of(query) != digest:
            raise _refused("BAD_USER_INPUT", "The hash in `persistedQuery` is not the SHA-256 of `query`.")
        size = len(query.encode("utf-8", "surrogatepass"))
        if self._automatic and size <= self._max_bytes:
            self._store.put(digest, query, size)
        return query

    @staticmethod
    def _digest(asked: object) -> str:
        if not isinstance(asked, Mapping) or type(asked.get("version")) is not int or asked["version"] != 1:
            raise _refused("BAD_USER_INPUT", "`persistedQuery` must be an object with `version` 1 and `sha256Hash`.")
        digest = asked.get("sha256Hash")
        if not isinstance(digest, str) or not HASH.fullmatch(digest.lower()):
            raise _refused("BAD_USER_INPUT", "`sha256Hash` must be 64 hexadecimal digits.")
        return digest.lower()


def _hash_of(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(code: Code, message: str) -> RefusedDocument:
    return RefusedDocument([refusal(code, message)])

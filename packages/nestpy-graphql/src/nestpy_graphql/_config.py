"""The settings of the GraphQL edge."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nestpy_core import config, setting

__all__ = ("GraphqlConfig",)


@config("graphql")
class GraphqlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the GraphQL endpoint of an app accepts; limits are checked before any resolver runs.

    Attributes:
        introspection: whether clients may ask for the schema; None allows it in development and in tests.
        suggestions: whether errors may say "Did you mean …"; None as above.
        explorer: whether ``GET`` shows GraphiQL to browsers; None as above.
        max_bytes: of a document, in UTF-8.
        max_tokens: of a document.
        max_depth: fields within fields.
        max_aliases: renamed fields of an operation.
        max_root_fields: operations of one document's operation.
        max_directives: of an operation.
        max_cost: what an operation may cost: each resolver call counts 1, or what its decorator says, times the sizes
            of the lists around it.
        list_size: what the cost assumes of a list that says nothing of its size.
        max_values: values that the variables of an operation may hold together, in lists and objects however deep.
        max_batch: operations of one request; 1 refuses batches.
        max_body_bytes: the largest request without files.
        max_upload_bytes: the largest request with files; 0 refuses files.
        max_upload_files: files of one request.
        max_representations: objects that a gateway may ask for at once.
        cached_documents: how many checked documents are remembered.
        persisted_manifest: a file of trusted documents by their SHA-256, as the build of a client writes it.
        only_persisted: refuse every other document.
        automatic_persisted: whether clients may send the SHA-256 of a document that they sent before.
        init_timeout: seconds that a client of a socket may take to begin.
        connection_seconds: how long a subscription may last; 0 for ever.
        max_operations: operations side by side on one socket.
        max_queued_bytes: of events that wait for a slow client, before its connection is closed.
    """

    introspection: bool | None = None
    suggestions: bool | None = None
    explorer: Annotated[bool | None, setting(shape=True)] = None
    max_bytes: Annotated[int, msgspec.Meta(ge=1)] = 65_536
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 2_000
    max_depth: Annotated[int, msgspec.Meta(ge=1)] = 15
    max_aliases: Annotated[int, msgspec.Meta(ge=0)] = 30
    max_root_fields: Annotated[int, msgspec.Meta(ge=1)] = 20
    max_directives: Annotated[int, msgspec.Meta(ge=0)] = 50
    max_cost: Annotated[int, msgspec.Meta(ge=1)] = 2_000
    list_size: Annotated[int, msgspec.Meta(ge=1)] = 100
    max_values: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1024 * 1024
    max_upload_bytes: Annotated[int, msgspec.Meta(ge=0)] = 10 * 1024 * 1024
    max_upload_files: Annotated[int, msgspec.Meta(ge=1)] = 20
    max_representations: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 100
    cached_documents: Annotated[int, msgspec.Meta(ge=0)] = 1_000
    persisted_manifest: Annotated[str, setting(shape=True)] = ""
    only_persisted: Annotated[bool, setting(shape=True)] = False
    automatic_persisted: Annotated[bool, setting(shape=True)] = False
    init_timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    connection_seconds: Annotated[float, msgspec.Meta(ge=0)] = 14_400.0
    max_operations: Annotated[int, msgspec.Meta(ge=1)] = 100
    max_queued_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1024 * 1024

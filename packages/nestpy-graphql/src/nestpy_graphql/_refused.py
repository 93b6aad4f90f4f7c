"""How a document is refused: the exception, its codes, and errors that hold neither the source nor its tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from graphql import GraphQLError

if TYPE_CHECKING:
    from graphql.language import Node

Code = Literal[
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "LIMIT_EXCEEDED",
    "OPERATION_NOT_FOUND",
    "BAD_USER_INPUT",
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "PERSISTED_QUERY_ONLY",
]

SUGGESTION = " Did you mean"


class RefusedDocument(Exception):  # noqa: N818  # an outcome to answer, as GraphQL's own errors are; not a failure
    """A document that will not be executed; every one of its *errors* has ``extensions["code"]``."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = list(errors)


def refusal(code: Code, message: str, node: Node | None = None, **extensions: object) -> GraphQLError:
    """Return an error of this module's own words; *node* says where."""
    error = GraphQLError(message, node, extensions={"code": code, **extensions})
    return _detached(error, message, error.extensions or {})


def limit_exceeded(
    limit: str, allowed: int, message: str, node: Node | None = None, **extensions: object
) -> GraphQLError:
    """Return the error of a limit, by the name that it has in `Limits`."""
    return refusal("LIMIT_EXCEEDED", message, node, limit=limit, allowed=allowed, **extensions)


def rewritten(error: GraphQLError, code: Code, *, length: int, suggestions: bool) -> GraphQLError:
    """Return another's error under a code of ours, cut to *length*, without suggestions where they are off.

    Rules of graphql-core are told to suggest nothing, but scalars and custom rules write their own text: it is cut too.
    """
    message = error.message if suggestions else error.message.partition(SUGGESTION)[0]
    if len(message) > length:
        message = f"{message[:length]}…"
    return _detached(error, message, {"code": code})


def _detached(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    bare = GraphQLError(message, extensions=extensions)
    bare.locations = error.locations
    return bare

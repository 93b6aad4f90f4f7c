"""What clients are told of what went wrong: codes, and never the text of an unexpected error."""

from __future__ import annotations

import logging
import math
import secrets
from typing import Any

from graphql import GraphQLError

from nestpy_core import Denial, DenialKind, ViolationsError, log_denial, name_of
from nestpy_core.errors import DeniedError, DomainError, FailureKind
from nestpy_http import HttpError

from ._naming import camel

logger = logging.getLogger("nestpy.graphql")

_DENIALS = {
    DenialKind.UNAUTHORIZED: ("UNAUTHENTICATED", "Unauthenticated"),
    DenialKind.FORBIDDEN: ("FORBIDDEN", "Forbidden"),
    DenialKind.RATE_LIMITED: ("RATE_LIMITED", "Too Many Requests"),
    DenialKind.INSUFFICIENT_SCOPE: ("INSUFFICIENT_SCOPE", "Forbidden"),
}
_DOMAIN = {
    FailureKind.INVALID: ("INVALID_ARGUMENT", "Invalid value"),
    FailureKind.NOT_FOUND: ("NOT_FOUND", "Not found"),
    FailureKind.CONFLICT: ("CONFLICT", "Conflict"),
    FailureKind.TIMEOUT: ("TIMEOUT", "Timed out"),
    FailureKind.UNAVAILABLE: ("UNAVAILABLE", "Unavailable"),
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    422: "INVALID_ARGUMENT",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}


def refused(verdict: object, label: str) -> GraphQLError:
    """Return the error of a guard's refusal, or of what it raised."""
    if isinstance(verdict, DeniedError):
        verdict = verdict.denial
    if isinstance(verdict, Exception):
        return failure_of(verdict, label)
    return _denied(log_denial(verdict, label))


def _denied(denial: Denial) -> GraphQLError:
    code, text = _DENIALS[denial.kind]
    extensions: dict[str, Any] = {"code": code}
    if denial.kind is DenialKind.INSUFFICIENT_SCOPE:
        extensions["requiredScopes"] = list(denial.scopes)
    if denial.retry_after is not None:
        extensions["retryAfterSeconds"] = max(1, math.ceil(denial.retry_after))
    return GraphQLError(denial.detail or text, extensions=extensions)


def failure_of(error: Exception, label: str) -> GraphQLError:
    """Return what clients are told of an exception; one that nobody foresaw is logged under an id, and opaque."""
    if isinstance(error, GraphQLError):
        return error
    if isinstance(error, DeniedError):
        return _denied(error.denial)
    if isinstance(error, ViolationsError):
        return invalid(error.errors)
    if isinstance(error, DomainError):
        code, text = _DOMAIN[error.kind]
        extensions: dict[str, Any] = {"code": code, **({"errors": _named(error.errors)} if error.errors else {})}
        return GraphQLError(error.detail or text, extensions=extensions)
    if isinstance(error, HttpError) and error.status < 500:  # the caller's fault
        return GraphQLError(str(error), extensions={"code": _STATUS.get(error.status, "INVALID_ARGUMENT")})
    return opaque(error, label)


def invalid(errors: Any) -> GraphQLError:
    """Return the error of arguments that do not fit, with what is wrong with each."""
    return GraphQLError("Invalid arguments", extensions={"code": "INVALID_ARGUMENT", "errors": _named(errors)})


def _named(errors: Any) -> dict[str, Any]:
    return {".".join(map(camel, path.split("."))): list(failures) for path, failures in errors.items()}


def opaque(error: BaseException, label: str) -> GraphQLError:
    """Return the error of what nobody foresaw; its text stays in the log, under the same id."""
    error_id = secrets.token_hex(8)
    logger.error(
        "%s failed: %s (error id %s)",
        label,
        name_of(type(error)),
        error_id,
        exc_info=error,
        extra={"handler": label, "error_id": error_id},
    )
    return GraphQLError("Internal server error", extensions={"code": "INTERNAL", "errorId": error_id})


def formatted(error: GraphQLError, path: list[Any] | None = None, nodes: Any = None) -> dict[str, Any]:
    """Return an error as a response holds it (specification, October 2021, section 7.1.2)."""
    found: dict[str, Any] = {"message": error.message}
    locations = [_location(node) for node in nodes or () if node.loc is not None] or [
        {"line": one.line, "column": one.column} for one in error.locations or ()
    ]
    if locations:
        found["locations"] = locations
    if path:
        found["path"] = path
    if error.extensions:
        found["extensions"] = error.extensions
    return found


def _location(node: Any) -> dict[str, int]:
    token = node.loc.start_token
    return {"line": token.line, "column": token.column}

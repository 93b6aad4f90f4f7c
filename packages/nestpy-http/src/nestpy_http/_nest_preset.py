"""The preset that answers errors with NestJS's bodies, for apps that stand behind a NestJS service's clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nestpy_core.contracts import ViolationsError

from . import errors
from ._nest_validation import argument_message, body_messages, pipe_message
from .errors import HttpError, InvalidInputError, NotFoundError

_PATH_SAFE = "!$&'()*+,;=:@-._~/"
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    418: "I'm a teapot",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_WORDS = {
    "Another site may not send this request": "Cross-origin request detected from Sec-Fetch-Site header",
}
"""What NestJS says where the framework, not the app, refuses."""


class NestPreset:
    """NestJS 11 and 12's bodies: ``{"message": …, "error": …, "statusCode": …}`` and its two other forms.

    A class that stands for one of NestJS's built-in exceptions gives all three members, without a sentence of its
    own two of them; a plain `HttpError` gives ``statusCode`` and ``message``; one with extensions alone is the
    whole body. A request that no route takes is a 404, whatever the path allows.
    """

    media_type = "application/json; charset=utf-8"
    forbidden = "Forbidden resource"

    def document(self, error: HttpError) -> dict[str, Any]:
        """Return the body of an error."""
        if isinstance(error, InvalidInputError):
            return _built_in(error, _input_message(error))
        if error.extensions and not error.detail:
            return dict(error.extensions)
        if not _is_built_in(error):
            return {"statusCode": error.status, "message": _plain_message(error), **error.extensions}
        if not error.detail:
            return {"message": _name(error.status), "statusCode": error.status}
        return _built_in(error, _WORDS.get(error.detail, error.detail))

    def unmatched(self, scope: Any) -> NotFoundError:
        """Return NestJS's 404, which names the target as the client wrote it."""
        query = f"?{scope.query_string}" if scope.query_string else ""
        return NotFoundError(f"Cannot {scope.method} {quote(scope.path, safe=_PATH_SAFE)}{query}")


def _built_in(error: HttpError, message: object) -> dict[str, Any]:
    document = {"message": message, "error": _name(error.status), "statusCode": error.status}
    return document if isinstance(error, InvalidInputError) else {**document, **error.extensions}


def _is_built_in(error: HttpError) -> bool:
    """Say whether an error stands for one of NestJS's classes: none is a 429, and the body limit is none either."""
    if error.status == 429 or _is_body_limit(error):
        return False
    own = [cls for cls in type(error).__mro__ if cls.__module__ == errors.__name__]
    return own[0] is not HttpError


def _is_body_limit(error: HttpError) -> bool:
    return error.status == 413 and error.detail.startswith("The body is over ")


def _plain_message(error: HttpError) -> str:
    if _is_body_limit(error):
        return "request entity too large"
    if error.status == 429 and error.detail in ("", "Too Many Requests"):
        return "ThrottlerException: Too Many Requests"
    if error.status == 500 and not error.detail:
        return "Internal server error"
    return error.detail or _name(error.status)


def _name(status: int) -> str:
    from ._preset import title_of

    return _NAMES.get(status) or title_of(status)


def _input_message(error: InvalidInputError) -> str | list[str]:
    """Return what NestJS's pipes say: one text for an argument, a list for a body."""
    refused = error.__cause__
    if isinstance(refused, ViolationsError) and refused.source is not None:
        return pipe_message(refused.source, refused.errors, error.kinds)
    kinds: Mapping[str, Any] = error.kinds
    for path, failures in error.errors.items():
        name, _, position = path.partition(".")
        if name in kinds and failures:
            return argument_message(name, position, kinds[name], failures[0])
        if failures and failures[0]["code"] == "pipe":
            return failures[0]["message"]
    return body_messages(kinds.get(""), error.errors)

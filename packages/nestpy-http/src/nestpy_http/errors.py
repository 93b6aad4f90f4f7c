"""Every error that nestpy-http raises, or that a handler raises to answer with a problem.

NestPyError
├── Problem
│   └── RouteError                a route, parameter or result cannot be served; found at boot
├── ResponseError (ValueError)    a handler's answer would not be valid HTTP
└── HttpError                     answers the request with its status as a problem document
    ├── BadRequest           400
    │   └── InvalidInput     400  with the failures of each field
    ├── Unauthorized         401
    ├── Forbidden            403
    ├── NotFound             404
    ├── MethodNotAllowed     405
    ├── NotAcceptable        406
    ├── RequestTimeout       408
    ├── Conflict             409
    ├── Gone                 410
    ├── PayloadTooLarge      413
    ├── UnsupportedMediaType 415
    ├── UnprocessableEntity  422
    ├── TooManyRequests      429
    ├── InternalServerError  500
    ├── NotImplemented_      501
    └── ServiceUnavailable   503
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from nestpy_core.errors import NestPyError, Problem

__all__ = (
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Gone",
    "HttpError",
    "InternalServerError",
    "InvalidInput",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "NotImplemented_",
    "PayloadTooLarge",
    "RequestTimeout",
    "ResponseError",
    "RouteError",
    "ServiceUnavailable",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableEntity",
    "UnsupportedMediaType",
)


class RouteError(Problem):
    """A route, parameter or result cannot be served; found at boot."""


class ResponseError(NestPyError, ValueError):
    """A handler's answer would not be valid HTTP: a status beyond 100 to 599, a line break in a header."""


class HttpError(NestPyError):
    """Answers the request with a problem document (RFC 9457).

    Attributes:
        status: 400 to 599.
        detail: a sentence for the caller; never put anything internal here.
        headers: more headers of the answer.
        extensions: more members of the document.
    """

    status: ClassVar[int] | int = 500

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,  # any JSON
    ) -> None:
        super().__init__(detail)
        if status is not None:
            if not 400 <= status <= 599:
                raise ResponseError(f"`HttpError` takes a status from 400 to 599, not {status}")
            self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


class BadRequest(HttpError):
    """400: the request is malformed."""

    status = 400


class InvalidInput(BadRequest):
    """400: arguments do not fit; ``errors`` maps each field to its failures, without any value.

    Attributes:
        errors: for each field a list of ``{"code": …, "message": …}``.
    """

    def __init__(self, errors: Mapping[str, Sequence[Mapping[str, str]]], detail: str = "validation failed") -> None:
        super().__init__(detail, extensions={"errors": errors})
        self.errors = errors


class Unauthorized(HttpError):
    """401: who calls is not known; the answer carries a challenge."""

    status = 401

    def __init__(self, detail: str = "", *, challenge: str = "Bearer", **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("www-authenticate", challenge)


class Forbidden(HttpError):
    """403: the caller may not do this."""

    status = 403


class NotFound(HttpError):
    """404: there is nothing here, or nothing that the caller may know of."""

    status = 404


class MethodNotAllowed(HttpError):
    """405: the path exists for other methods; the answer carries ``Allow``."""

    status = 405


class NotAcceptable(HttpError):
    """406: no representation that the caller accepts."""

    status = 406


class RequestTimeout(HttpError):
    """408: the request did not arrive in time."""

    status = 408


class Conflict(HttpError):
    """409: the request contradicts the present state."""

    status = 409


class Gone(HttpError):
    """410: it was here, and will not come back."""

    status = 410


class PayloadTooLarge(HttpError):
    """413: the body is over its limit."""

    status = 413


class UnsupportedMediaType(HttpError):
    """415: the body is of a type that this route does not read."""

    status = 415


class UnprocessableEntity(HttpError):
    """422: well formed, and not possible."""

    status = 422


class TooManyRequests(HttpError):
    """429: try again later; the answer carries ``Retry-After`` in whole seconds, at least 1."""

    status = 429

    def __init__(self, detail: str = "", *, retry_after: float = 1, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("retry-after", whole_seconds(retry_after))


class InternalServerError(HttpError):
    """500: the fault is ours."""

    status = 500


class NotImplemented_(HttpError):  # noqa: N801  # `NotImplemented` is a builtin
    """501: this server does not know the method."""

    status = 501


class ServiceUnavailable(HttpError):
    """503: try again later; the answer carries ``Retry-After`` in whole seconds, at least 1."""

    status = 503

    def __init__(self, detail: str = "", *, retry_after: float = 1, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("retry-after", whole_seconds(retry_after))


def whole_seconds(seconds: float) -> str:
    """Return a ``Retry-After`` value: rounded up, at least 1."""
    return str(max(1, -int(-seconds // 1)))

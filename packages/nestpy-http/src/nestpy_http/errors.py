"""Every error that nestpy-http raises, or that a handler raises to answer with a problem.

NestPyError
├── Problem
│   └── RouteError                a route, parameter or result cannot be served; found at boot
├── ResponseError (ValueError)    a handler's answer would not be valid HTTP
├── SocketClosedError             a WebSocket is closed, by either side
├── HandshakeError                the test client's WebSocket was refused
└── HttpError                     answers the request with its status as a problem document
    ├── BadRequestError           400
    │   └── InvalidInputError     400  with the failures of each field
    ├── UnauthorizedError         401
    ├── ForbiddenError            403
    ├── NotFoundError             404
    ├── MethodNotAllowedError     405
    ├── NotAcceptableError        406
    ├── RequestTimeoutError       408
    ├── ConflictError             409
    ├── GoneError                 410
    ├── PreconditionFailedError   412
    ├── PayloadTooLargeError      413
    ├── UnsupportedMediaTypeError 415
    ├── UnprocessableEntityError  422
    ├── TooManyRequestsError      429
    ├── InternalServerError       500
    └── ServiceUnavailableError   503
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nestpy_core.errors import NestPyError, Problem

__all__ = (
    "BadRequestError",
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "HandshakeError",
    "HttpError",
    "InternalServerError",
    "InvalidInputError",
    "MethodNotAllowedError",
    "NotAcceptableError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PreconditionFailedError",
    "RequestTimeoutError",
    "ResponseError",
    "RouteError",
    "ServiceUnavailableError",
    "SocketClosedError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnprocessableEntityError",
    "UnsupportedMediaTypeError",
)


class RouteError(Problem):
    """A route, parameter or result cannot be served; found at boot."""


class ResponseError(NestPyError, ValueError):
    """A handler's answer would not be valid HTTP: a status beyond 200 to 599, a line break in a header."""


class SocketClosedError(NestPyError):
    """A WebSocket is closed, by either side; a handler need not catch it.

    Attributes:
        code: of RFC 6455, section 7.4; 1005 for none, 1006 where the connection broke.
        reason: what the closing side says.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the WebSocket is closed with {code}{f': {reason}' if reason else ''}")
        self.code = code
        self.reason = reason


class HandshakeError(NestPyError):
    """The app refused the WebSocket that a test's client asked for.

    Attributes:
        response: what it answered instead.
    """

    def __init__(self, response: Any) -> None:  # a ClientResponse
        super().__init__(f"the WebSocket was refused with {response.status}")
        self.response = response


class HttpError(NestPyError):
    """Answers the request with a problem document (RFC 9457).

    Attributes:
        status: 400 to 599.
        detail: a sentence for the caller; never put anything internal here.
        headers: more headers of the answer.
        extensions: more members of the document.
    """

    status: int = 500

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


class BadRequestError(HttpError):
    """400: the request is malformed."""

    status = 400


class InvalidInputError(BadRequestError):
    """400: arguments do not fit; ``errors`` maps each field to its failures, without any value.

    Attributes:
        errors: for each field a list of ``{"code": …, "message": …}``.
        kinds: the declared types of the arguments that do not fit, by name; the body's is called ``""``.
    """

    def __init__(
        self,
        errors: Mapping[str, Sequence[Mapping[str, str]]],
        detail: str = "validation failed",
        *,
        kinds: Mapping[str, Any] | None = None,  # any annotation
    ) -> None:
        super().__init__(detail, extensions={"errors": errors})
        self.errors = errors
        self.kinds = dict(kinds or {})


class UnauthorizedError(HttpError):
    """401: who calls is not known; the answer carries a challenge."""

    status = 401

    def __init__(self, detail: str = "", *, challenge: str = "Bearer", **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("www-authenticate", challenge)


class ForbiddenError(HttpError):
    """403: the caller may not do this."""

    status = 403


class NotFoundError(HttpError):
    """404: there is nothing here, or nothing that the caller may know of."""

    status = 404


class MethodNotAllowedError(HttpError):
    """405: the path exists for other methods; the answer carries ``Allow``."""

    status = 405


class NotAcceptableError(HttpError):
    """406: no representation that the caller accepts."""

    status = 406


class RequestTimeoutError(HttpError):
    """408: the request did not arrive in time."""

    status = 408


class ConflictError(HttpError):
    """409: the request contradicts the present state."""

    status = 409


class GoneError(HttpError):
    """410: it was here, and will not come back."""

    status = 410


class PreconditionFailedError(HttpError):
    """412: what the client has seen is not what there is now."""

    status = 412


class PayloadTooLargeError(HttpError):
    """413: the body is over its limit."""

    status = 413


class UnsupportedMediaTypeError(HttpError):
    """415: the body is of a type that this route does not read."""

    status = 415


class UnprocessableEntityError(HttpError):
    """422: well formed, and not possible."""

    status = 422


class TooManyRequestsError(HttpError):
    """429: try again later; the answer carries ``Retry-After`` in whole seconds, at least 1."""

    status = 429

    def __init__(self, detail: str = "", *, retry_after: float = 1, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("retry-after", whole_seconds(retry_after))


class InternalServerError(HttpError):
    """500: the fault is ours."""

    status = 500


class ServiceUnavailableError(HttpError):
    """503: try again later; the answer carries ``Retry-After`` in whole seconds, at least 1."""

    status = 503

    def __init__(self, detail: str = "", *, retry_after: float = 1, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("retry-after", whole_seconds(retry_after))


def whole_seconds(seconds: float) -> str:
    """Return a ``Retry-After`` value: rounded up, at least 1."""
    return str(max(1, -int(-seconds // 1)))

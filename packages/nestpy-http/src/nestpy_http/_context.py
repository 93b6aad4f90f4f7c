"""The request and the execution context of the HTTP edge."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from nestpy_core import ExecutionContext

from ._answer import ResponseDraft
from ._body import body_chunks, read_body
from ._client_address import client_ip
from ._depth import check_depth
from ._input import parse_cookies, parse_query
from ._timing import Timing
from .errors import BadRequestError, PreconditionFailedError

if TYPE_CHECKING:
    from ._multipart import MultipartForm

__all__ = ("HttpContext", "Request")


class Request:
    """One HTTP request, as handlers, layers and request-scoped providers may inject it."""

    __slots__ = ("_body", "_protocol", "_scope", "limit")

    def __init__(self, scope: Any, protocol: Any, limit: int, body: bytes | None = None) -> None:
        self._scope = scope
        self._protocol = protocol
        self._body = body
        self.limit = limit

    @property
    def method(self) -> str:
        """The verb, upper case."""
        return str(self._scope.method)

    @property
    def path(self) -> str:
        """The decoded path."""
        return str(self._scope.path)

    @property
    def query_string(self) -> str:
        """The raw query, without the question mark."""
        return str(self._scope.query_string)

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query: for each name its values in order."""
        return parse_query(self._scope.query_string)

    @property
    def headers(self) -> Any:  # the server's own mapping
        """The headers by lower-case name: ``get(name)``, ``get_all(name)``, ``items()``."""
        return self._scope.headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return parse_cookies(self._scope.headers.get("cookie"))

    @property
    def client(self) -> str:
        """The client's address, ``ip:port``; behind a trusted proxy the port is 0."""
        return str(self._scope.client)

    @property
    def client_ip(self) -> str:
        """The client's address without a port: the peer's, or what ``http.trusted_proxies`` say."""
        return client_ip(self._scope)

    @property
    def host(self) -> str:
        """The host that the request is for, with its port where it has one; empty where it names none."""
        scope = self._scope
        forwarded: str | None = getattr(scope, "forwarded_host", None)
        return forwarded or scope.headers.get("host") or scope.authority or ""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return str(self._scope.scheme)

    def check_preconditions(self, etag: str | None = None, modified: datetime | None = None) -> None:
        """Refuse what the client based on another state: lost updates, above all.

        Call it with what is stored before storing something else. ``If-Match`` and ``If-Unmodified-Since`` must
        hold, ``If-None-Match: *`` wants that there is nothing yet (RFC 9110, section 13.2.2); without any of them
        every client may go on. For methods that change something; what a GET answers is compared by `etag`.

        Args:
            etag: the tag of what there is, as ``"v1"`` with its quotes; None where there is nothing.
            modified: when that was changed last.

        Raises:
            PreconditionFailedError: one does not hold.
        """
        from ._preconditions import refused

        seconds = None if modified is None else modified.timestamp()
        if refused(self.method, self._scope.headers, etag, seconds) == 412:
            raise PreconditionFailedError

    async def body(self) -> bytes:
        """Return the whole body; read once, however often it is asked for.

        Raises:
            PayloadTooLargeError: it is over the route's limit.
        """
        if self._body is None:
            self._body = await read_body(self._scope.headers, self._protocol, self.limit)
        return self._body

    async def json(self, kind: Any = Any) -> Any:  # any type that msgspec decodes
        """Decode the body as *kind*.

        Raises:
            BadRequestError: it is no JSON, or does not fit.
        """
        body = await self.body()
        try:
            check_depth(body)
            return msgspec.json.decode(body, type=kind)
        except (ValueError, RecursionError):
            raise BadRequestError("The body is not valid JSON, or not what is expected") from None

    @contextlib.asynccontextmanager
    async def form(self, *, limit: int, field_limit: int, files: int = 20) -> AsyncIterator[MultipartForm]:
        """Read a form with files of whatever names; the files can be read until the block ends.

        Args:
            limit: bytes of the whole body.
            field_limit: bytes of one field that is no file.
            files: how many it may have.

        Raises:
            UnsupportedMediaTypeError: the body is no form with files.
            PayloadTooLargeError: it is over one of the limits in bytes.
            BadRequestError: it has too many parts, or is no such form.
        """
        from ._intake import Intake
        from ._multipart import MultipartForm

        intake = Intake(upload_limit=limit, field_limit=field_limit, files=files)
        with MultipartForm(intake, None) as form:
            await form.read(self._scope.headers, self._protocol)
            yield form

    def stream(self) -> AsyncIterator[bytes]:
        """Return the body in chunks; the errors of `body`, at the chunk that is too much."""
        return body_chunks(self._scope.headers, self._protocol, self.limit)


class HttpContext(ExecutionContext, eq=False):
    """What HTTP layers know of a request.

    Attributes:
        handler: the matched route; None for a 404 or 405.
    """

    edge: ClassVar[str] = "http"

    _scope: Any = None
    _protocol: Any = None
    _limit: int = 0
    _request: Request | None = None
    _response: ResponseDraft | None = None
    _body: bytes | None = None

    # A getter in C: guards read headers on every call.
    headers = property(attrgetter("_scope.headers"), doc="The request headers by lower-case name.")

    @property
    def request(self) -> Request:
        """The request; one object however often it is asked for."""
        if self._request is None:
            self._request = Request(self._scope, self._protocol, self._limit, self._body)
        return self._request

    def timing(self, name: str, description: str = "") -> Timing:
        """Measure what stands inside ``with context.timing("db"):`` for the ``Server-Timing`` header.

        Args:
            name: a token, as in ``db``; an entry called otherwise is dropped.
            description: what browsers' tools show.
        """
        return Timing(getattr(self._protocol, "timings", None), name, description)

    @property
    def response(self) -> ResponseDraft:
        """Status and headers to add to the answer, whatever it will be."""
        if self._response is None:
            self._response = ResponseDraft()
        return self._response

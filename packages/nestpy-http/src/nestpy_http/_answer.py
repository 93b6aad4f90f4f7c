"""The one place that checks and writes responses which were not decided at boot."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from nestpy_core import attach_metadata
from nestpy_core.contracts import EndpointAnswer

from ._cookies import cookie
from ._preset import Preset, StandardPreset
from ._security_headers import LEAN, NAMES as SECURITY_NAMES
from .errors import BadRequestError, HttpError, ResponseError

if TYPE_CHECKING:
    from typing import Unpack

    from ._context import HttpContext
    from ._cookies import CookieAttributes

__all__ = ("Response",)

Headers = list[tuple[str, str]]
F = TypeVar("F", bound=Callable[..., Any])

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"
JSON_LINES = "application/jsonl"

STATIC_NAMES = frozenset({"content-type", "content-length", *SECURITY_NAMES})

ABOUT_A_BODY = frozenset(
    {
        "accept-ranges",
        "age",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "location",
        "pragma",
        "refresh",
        "transfer-encoding",
    }
)
"""Headers about what was to be answered, or leading elsewhere: no error has those of a draft (RFC 9110, section 8)."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check_header(name: str, value: str) -> str:
    """Return the header's name in lower case, when it is valid in HTTP (RFC 9110, section 5.5).

    Raises:
        ResponseError: the name is no token, or the value holds CR, LF, NUL or another control character.
    """
    if not (value.isascii() and value.isprintable()) and not _TEXT.fullmatch(value):
        raise ResponseError(f"The response header `{name}` holds a character that HTTP does not allow")
    return _lowered(name)


@lru_cache(maxsize=1024)
def _lowered(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ResponseError(f"A response header cannot be called {name!r}")
    return name.lower()


def check_status(code: object) -> None:
    """Refuse a status that ends no request: granian would end its worker on 99, and hand the connection over on 101.

    Raises:
        ResponseError: it is not an integer from 200 to 599.
    """
    if not isinstance(code, int) or not 200 <= code <= 599:
        raise ResponseError(f"A response status must be from 200 to 599, not {code!r}")


class Response:
    """An answer that a handler builds itself.

    Attributes:
        body: bytes, text, None, or anything that msgspec encodes as JSON.
        status: from 200 to 599.
        headers: pairs of name and value; a name may come twice.
        media_type: the ``Content-Type``; by default chosen by the body's type.
    """

    __slots__ = ("_host", "body", "headers", "media_type", "status")

    def __init__(
        self,
        body: Any = None,  # as said above
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        media_type: str | None = None,
    ) -> None:
        self.body = body
        self.status = status
        pairs: Any = headers.items() if isinstance(headers, Mapping) else headers
        self.headers: Headers = list(pairs)
        self.media_type = media_type
        self._host: str | None = None

    def set_cookie(self, name: str, value: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Set a cookie, by default ``__Host-<name>``; see `ResponseDraft.set_cookie`."""
        self.headers.append(("set-cookie", cookie(name, value, **attributes)))

    def delete_cookie(self, name: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Make the client forget a cookie that was set with the same *attributes*."""
        attributes["max_age"] = 0
        self.headers.append(("set-cookie", cookie(name, "", **attributes)))

    def __call__(self, function: F) -> F:
        """Answer with this where *function* returns None; what makes `redirect` a decorator."""
        attach_metadata(function, "http_response", self)
        return function


class ResponseDraft(msgspec.Struct, eq=False):
    """Status and headers that layers add to whatever a handler returns; ``context.response``.

    Attributes:
        plain: whether it only adds headers that no route has by itself, so that they can simply be appended.
    """

    plain: bool = True
    _status: int | None = None
    _headers: Headers = []

    @property
    def status(self) -> int | None:
        """What replaces the handler's status, unless None."""
        return self._status

    @status.setter
    def status(self, status: int | None) -> None:
        self._status = status
        self.plain = False

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What was set so far."""
        return tuple(self._headers)

    def set(self, name: str, value: str) -> None:
        """Set a header of the answer, replacing one of that name.

        Raises:
            ResponseError: the name or the value is not valid in HTTP.
        """
        # Printable ASCII is decided in C; only the rest is worth a regular expression.
        name = _lowered(name) if value.isascii() and value.isprintable() else check_header(name, value)
        if name in STATIC_NAMES:
            self.plain = False
        if self._headers:
            self._headers = [pair for pair in self._headers if pair[0] != name]
        self._headers.append((name, value))

    def append(self, name: str, value: str) -> None:
        """Add a header to the answer, keeping others of that name."""
        name = check_header(name, value)
        if name in STATIC_NAMES:
            self.plain = False
        self._headers.append((name, value))

    def set_cookie(self, name: str, value: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Set a cookie: by default ``__Host-<name>``, ``Secure``, ``HttpOnly``, ``SameSite=Lax``, ``Path=/``.

        Args:
            name: without ``__Host-``.
            value: printable ASCII without space, quote, comma, semicolon and backslash.
            attributes: ``max_age`` in seconds, ``path``, ``domain``, ``secure``, ``http_only``, ``same_site`` and
                ``prefix``, which ``False`` leaves ``__Host-`` out for.

        Raises:
            ResponseError: a character that no cookie may hold, attributes that contradict each other, over 4,096 bytes.
        """
        self._headers.append(("set-cookie", cookie(name, value, **attributes)))

    def delete_cookie(self, name: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Make the client forget a cookie that was set with the same *attributes*."""
        attributes["max_age"] = 0
        self._headers.append(("set-cookie", cookie(name, "", **attributes)))

    def onto(self, headers: Headers) -> Headers:
        """Return *headers* with this draft's in the place of those of the same name."""
        own = {name for name, _ in self._headers}
        return [*(pair for pair in headers if pair[0] not in own), *self._headers]

    def beneath(self, headers: Headers) -> Headers:
        """Return an error's *headers* over those of this draft that do not speak of a body."""
        own = {name.lower() for name, _ in headers} - {"set-cookie"} | ABOUT_A_BODY
        return [*(pair for pair in self._headers if pair[0] not in own), *headers]


class Ready(NamedTuple):
    """An answer whose every byte is decided before the request: most refusals."""

    status: int
    headers: Headers
    body: bytes

    def response(self) -> Response:
        """Return it as layers may see and change it."""
        return Response(self.body or None, self.status, self.headers)


class Answers:
    """Writes the answers of one app: problems, built responses and whatever an interceptor made of a result."""

    def __init__(
        self,
        base: Sequence[tuple[str, str]],
        encode: Callable[[Any], bytes],
        redirect_hosts: Collection[str] = (),
        preset: Preset | None = None,
        *,
        lean: bool = False,
    ) -> None:
        self.base: Headers = list(base)
        self._lean = [pair for pair in base if pair[0] in LEAN or pair[0] == "vary"] if lean else self.base
        self.preset: Preset = preset or StandardPreset()
        self.redirect_hosts = frozenset(redirect_hosts)
        self._encode = encode
        self._ready: dict[tuple[type[HttpError], int], Ready] = {}
        self._static: dict[tuple[str | None, tuple[tuple[str, str], ...]], Headers] = {}

    def shared(self, media_type: str | None, extra: Iterable[tuple[str, str]]) -> Headers:
        """Return what `static` does, as one list for all routes that ask for the same; nobody changes it."""
        key = (media_type, tuple(extra))
        if key not in self._static:
            self._static[key] = self.static(*key)
        return self._static[key]

    def static(self, media_type: str | None, extra: Iterable[tuple[str, str]] = ()) -> Headers:
        """Return the header list of a route whose answers are decided at boot."""
        own = list(extra)
        given = {name for name, _ in own}
        typed = [] if media_type is None or "content-type" in given else [("content-type", media_type)]
        return [*typed, *own, *self._base([*typed, *own], given)]

    def _base(self, headers: Headers, given: Collection[str]) -> Headers:
        """Return the app's headers beside an answer's own; ``Vary`` is added, where any other is replaced."""
        base = self.base
        if self._lean is not base and not any(pair[0] == "content-type" and "html" in pair[1] for pair in headers):
            base = self._lean
        return [pair for pair in base if pair[0] not in given or pair[0] == "vary"]

    def send(self, protocol: Any, result: Any, status: int, extra: Headers, draft: ResponseDraft | None) -> int:
        """Write any result with the route's status and headers; return the status that was sent.

        Raises:
            ResponseError: the status or a header is not valid; nothing has been written then.
        """
        if isinstance(result, EndpointAnswer):
            result = Response(result.body, result.status, result.headers)
        response = result if isinstance(result, Response) else Response(result, status, extra)
        if response._host is not None and response._host not in self.redirect_hosts:  # noqa: SLF001  # of this module
            raise BadRequestError("The target of the redirect is not acceptable")
        code = response.status
        headers = response.headers
        if draft is not None:
            code = draft.status or code
            headers = draft.onto([(name.lower(), value) for name, value in headers])
        check_status(code)
        if response.media_type is not None:
            check_header("content-type", response.media_type)
        checked: Headers = []
        for name, value in headers:
            checked.append((check_header(name, value), value))
        media_type, body = self._body(response)
        given = {name for name, _ in checked}
        if media_type is not None and "content-type" not in given:
            checked.insert(0, ("content-type", media_type))
        checked.extend(self._base(checked, given))
        if body is None or code in (204, 304) or code < 200:
            protocol.response_empty(code, checked)
        elif isinstance(body, str):
            protocol.response_str(code, checked, body)
        else:
            protocol.response_bytes(code, checked, body)
        return code

    def _body(self, response: Response) -> tuple[str | None, str | bytes | None]:
        body = response.body
        if body is None:
            return (response.media_type, b"") if response.media_type else (None, None)
        if isinstance(body, str) and response.media_type != JSON:
            return response.media_type or TEXT, body
        if isinstance(body, bytes | bytearray | memoryview):
            return response.media_type or BYTES, bytes(body)
        return response.media_type or JSON, self._encode(body)

    def ready(self, response: Response) -> Ready:
        """Return the answer that *response* always is: one without a text body, whose headers never change."""
        media_type, body = self._body(response)
        checked = [(check_header(name, value), value) for name, value in response.headers]
        return Ready(response.status, self.static(media_type, checked), body if isinstance(body, bytes) else b"")

    def refuse(self, protocol: Any, error: HttpError, draft: ResponseDraft | None = None) -> int:
        """Answer with the problem document of *error*; one that says nothing of its own is made once.

        Args:
            protocol: what the answer is written to.
            error: what went wrong.
            draft: what layers added until then; its cookies and its headers about the request hold.
        """
        if error.detail or error.headers or error.extensions or draft is not None:
            answer = self.problem(error)
            if draft is not None:
                answer.headers = draft.beneath(answer.headers)
            return self.send(protocol, answer, 500, [], None)
        key = type(error), error.status
        ready = self._ready.get(key)
        if ready is None:
            ready = self._ready[key] = self.ready(self.problem(error))
        protocol.response_bytes(*ready)
        return ready.status

    def problem(self, error: HttpError) -> Response:
        """Return the answer to an error, in the form that the app's preset gives it."""
        body = self._encode(self.preset.document(error))
        return Response(body, error.status, error.headers, media_type=self.preset.media_type)


def draft_of(context: HttpContext) -> ResponseDraft | None:
    """Return what layers added to the answer, if anything."""
    return context._response  # noqa: SLF001  # the context's own package; the property would make one

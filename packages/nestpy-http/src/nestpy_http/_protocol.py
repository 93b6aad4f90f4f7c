"""The RSGI shape away from granian: the scope, the answers a kernel may give, and how they are framed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from nestpy_core import Record

from ._headers import Headers

CHUNK = 64 * 1024

Pairs = list[tuple[str, str]]


class ProtocolClosedError(RuntimeError):
    """The client has gone."""


class ProtocolMisuseError(RuntimeError):
    """The body was asked for a second time."""


def closed_errors() -> tuple[type[Exception], ...]:
    """Return what a read or a send raises once the client has gone, granian's class included where it is loaded."""
    granian = sys.modules.get("granian.rsgi")
    return (ProtocolClosedError,) if granian is None else (ProtocolClosedError, granian.ProtocolClosed)


class Scope:
    """A request line and its headers under RSGI's names.

    Attributes:
        proto: always ``http``.
        rsgi_version: the version of the specification.
        http_version: ``1``, ``1.1`` or ``2``.
        method: upper case.
        path: percent-decoded as UTF-8, with U+FFFD for what is none.
        query_string: raw, without the question mark.
        authority: of HTTP/2, or of a target in absolute form; else None.
        client: ``address:port``, empty when the server knows none.
        server: ``address:port``, empty when the server knows none.
        scheme: ``http`` or ``https``.
        headers: of the request.
    """

    __slots__ = (
        "authority",
        "client",
        "headers",
        "http_version",
        "method",
        "path",
        "query_string",
        "scheme",
        "server",
    )

    proto = "http"
    rsgi_version = "1.6"

    def __init__(  # noqa: PLR0917  # as many as a request has
        self,
        method: str,
        path: str,
        query_string: str,
        headers: Headers,
        scheme: str = "http",
        http_version: str = "1.1",
        authority: str | None = None,
        client: str = "",
        server: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers
        self.scheme = scheme
        self.http_version = http_version
        self.authority = authority
        self.client = client
        self.server = server


class Transport(Protocol):
    """Where the chunks of a streamed answer go."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one chunk; returns when there is room for the next.

        Raises:
            ProtocolClosedError: the client has gone.
        """
        ...

    async def send_str(self, data: str) -> None:
        """Send one chunk as UTF-8."""
        ...


class FilePart(Record, frozen=True):
    """A file, or its bytes from *start* up to *end*."""

    path: str
    start: int = 0
    end: int | None = None


class Answer(Record, frozen=True):
    """What a kernel answered; the body is None when it streams."""

    status: int
    headers: Pairs
    body: bytes | FilePart | None


class AnswerRecorder:
    """Takes a kernel's answer. As under granian the first one counts and later ones are ignored."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def _record(self, status: int, headers: Sequence[tuple[str, str]], body: bytes | FilePart | None) -> None:
        if self.answer is None:
            self.answer = Answer(status, [(name.lower(), value) for name, value in headers], body)

    def response_empty(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Answer without a body."""
        self._record(status, headers, b"")

    def response_str(self, status: int, headers: Sequence[tuple[str, str]], body: str) -> None:
        """Answer with text in UTF-8."""
        self._record(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Answer with bytes."""
        self._record(status, headers, body)

    def response_file(self, status: int, headers: Sequence[tuple[str, str]], file: str) -> None:
        """Answer with a file; one that cannot be opened is a 404."""
        self._record(status, headers, FilePart(file))

    def response_file_range(
        self, status: int, headers: Sequence[tuple[str, str]], file: str, start: int, end: int
    ) -> None:
        """Answer with the bytes of a file from *start* up to *end*, exclusive."""
        self._record(status, headers, FilePart(file, start, end))


def framed(method: str, answer: Answer) -> tuple[Pairs, bool]:
    """Return an answer's headers as granian would send them, and whether its body is sent.

    RFC 9110, 6.4.1: no body for HEAD, 1xx, 204 and 304. Content-Length stands where the length is known
    and the kernel gave none.
    """
    headers = answer.headers
    bodiless = answer.status < 200 or answer.status in (204, 304)
    sends = method != "HEAD" and not bodiless
    given = any(name == "content-length" for name, _ in headers)
    if answer.status < 200 or answer.status == 204:
        return [pair for pair in headers if pair[0] != "content-length"], False
    if isinstance(answer.body, bytes) and not given and not bodiless and (answer.body or sends):
        headers = [*headers, ("content-length", str(len(answer.body)))]
    return headers, sends


NO_FILE = Answer(404, [("content-length", "9")], b"Not found")
"""What granian answers for a file that it cannot open."""


async def opened(answer: Answer) -> tuple[Answer, BinaryIO | None]:
    """Open the file of an answer that has one; without the file it becomes `NO_FILE`."""
    if not isinstance(answer.body, FilePart):
        return answer, None
    part = answer.body
    try:
        file = await asyncio.to_thread(Path(part.path).open, "rb")
        await asyncio.to_thread(file.seek, part.start)
    except OSError:
        return NO_FILE, None
    return answer, file


async def chunks_of(file: BinaryIO, part: FilePart, *, wanted: bool = True) -> AsyncIterator[bytes]:
    """Read an opened file in worker threads, to its end or the part's, and close it; yield nothing unless *wanted*."""
    left = None if part.end is None else max(0, part.end - part.start)
    with file:
        while wanted and (left is None or left > 0):
            chunk = await asyncio.to_thread(file.read, CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk


Kernel = Any  # async (scope, protocol) -> None, in the shape that granian and this module share

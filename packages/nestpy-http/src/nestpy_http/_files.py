"""Files as answers: validators, conditional requests, ranges and safe names, with every read off the event loop."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
import stat
from email.utils import formatdate
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from nestpy_core import Record

from ._answer import BYTES, Answers, Headers, ResponseDraft, check_header, check_status
from ._file_response import FileResponse
from ._preconditions import refused
from ._protocol import CHUNK, closed_errors
from ._ranges import parse_ranges, still_same
from .errors import HttpError, NotFoundError, PreconditionFailedError, ResponseError

_UNNAMEABLE = re.compile(r'[\x00-\x1f\x7f"\\/]')


class _Found(Record, frozen=True):
    """A file as it stood when its answer began."""

    path: str
    size: int
    modified: int
    tag: str
    media_type: str


def _look(response: FileResponse) -> _Found:
    """Look a file up; runs in a worker thread.

    Raises:
        NotFoundError: it is no regular file.
    """
    try:
        found = response.path.stat()
    except (OSError, ValueError):
        raise NotFoundError from None
    if not stat.S_ISREG(found.st_mode):
        raise NotFoundError
    return _Found(
        str(response.path),
        found.st_size,
        int(found.st_mtime),
        f'"{found.st_mtime_ns:x}-{found.st_size:x}"',
        response.media_type or _guess(response.path.name),
    )


def _guess(name: str) -> str:
    kind, encoding = mimetypes.guess_type(name)
    if kind is None or encoding is not None:
        return BYTES
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "application/javascript" else kind


def disposition(name: str, *, inline: bool) -> str:
    """Return a ``Content-Disposition`` with any name (RFC 6266, section 4.3, and its appendix D)."""
    kind = "inline" if inline else "attachment"
    safe = _UNNAMEABLE.sub("_", name)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    text = f'{kind}; filename="{plain}"'
    return text if plain == safe else f"{text}; filename*=UTF-8''{quote(safe.encode('utf-8', 'replace'), safe='')}"


class FileSender:
    """Sends the files of one app."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def send(  # noqa: PLR0917  # compiled code passes them
        self, scope: Any, protocol: Any, result: Any, status: int, extra: Headers, draft: ResponseDraft | None
    ) -> int:
        """Answer with a file, or as `Answers.send` with any other result; return the status that was sent.

        Raises:
            NotFoundError: there is no such file.
            HttpError: 416, no range can be satisfied; 412, a precondition does not hold.
        """
        if not isinstance(result, FileResponse):
            return self._answers.send(protocol, result, status, extra, draft)
        found = await asyncio.to_thread(_look, result)
        code = 200 if draft is None else draft.status or 200
        check_status(code)
        headers = self._headers(result, found, draft)
        asked = scope.headers
        refusal = refused(scope.method, asked, _tag(headers), found.modified) if code == 200 else None
        if refusal == 412:
            raise PreconditionFailedError
        if refusal == 304:
            protocol.response_empty(304, [pair for pair in headers if not pair[0].startswith("content-")])
            return 304
        ranges = _ranges(asked, found, _tag(headers)) if code == 200 and scope.method == "GET" else None
        if ranges is None and not found.size:
            protocol.response_bytes(code, headers, b"")  # granian knows no empty range
            return code
        if ranges is None:
            sized = [*headers, ("content-length", str(found.size))]
            protocol.response_file_range(code, sized, found.path, 0, found.size)
            return code
        return await self._partial(protocol, headers, found, ranges)

    def _headers(self, result: FileResponse, found: _Found, draft: ResponseDraft | None) -> Headers:
        shown = disposition(result.filename or result.path.name, inline=result.inline)
        own = [
            ("content-disposition", shown),
            ("etag", found.tag),
            ("last-modified", formatdate(found.modified, usegmt=True)),
            ("accept-ranges", "bytes"),
        ]
        given = [(check_header(name, value), value) for name, value in result.headers]
        names = {name for name, _ in given}
        check_header("content-type", found.media_type)
        headers = self._answers.static(found.media_type, [*given, *(pair for pair in own if pair[0] not in names)])
        return headers if draft is None else draft.onto(headers)

    async def _partial(self, protocol: Any, headers: Headers, found: _Found, ranges: list[tuple[int, int]]) -> int:
        if not ranges:
            raise HttpError(status=416, headers={"content-range": f"bytes */{found.size}"})
        if len(ranges) > 1:
            await _send_parts(protocol, headers, found, ranges)
            return 206
        start, end = ranges[0]
        described = ("content-range", f"bytes {start}-{end - 1}/{found.size}")
        sized = [*headers, described, ("content-length", str(end - start))]
        protocol.response_file_range(206, sized, found.path, start, end)
        return 206


def _tag(headers: Headers) -> str:
    """Return the tag that is sent: the file's, or the handler's own."""
    return next(value for name, value in headers if name == "etag")


def _ranges(asked: Any, found: _Found, tag: str) -> list[tuple[int, int]] | None:
    """Return what of a file is asked for; None for all of it."""
    wanted = asked.get("range")
    if wanted is None or not still_same(asked.get("if-range"), tag, formatdate(found.modified, usegmt=True)):
        return None
    return parse_ranges(wanted, found.size)


async def _send_parts(protocol: Any, headers: Headers, found: _Found, ranges: list[tuple[int, int]]) -> None:
    """Send several ranges as ``multipart/byteranges`` (RFC 9110, section 14.6)."""
    boundary = os.urandom(12).hex()
    heads = [
        f"\r\n--{boundary}\r\ncontent-type: {found.media_type}\r\n"
        f"content-range: bytes {start}-{end - 1}/{found.size}\r\n\r\n".encode("latin-1")
        for start, end in ranges
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - start for start, end in ranges) + len(tail)
    kept = [pair for pair in headers if pair[0] != "content-type"]
    typed = ("content-type", f"multipart/byteranges; boundary={boundary}")
    file = await asyncio.to_thread(_open, found.path)
    try:
        transport = protocol.response_stream(206, [typed, *kept, ("content-length", str(length))])
        for head, (start, end) in zip(heads, ranges, strict=True):
            await transport.send_bytes(head)
            await _send_part(transport, file, start, end)
        await transport.send_bytes(tail)
    except closed_errors():
        pass
    finally:
        await asyncio.to_thread(file.close)


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError:
        raise NotFoundError from None


async def _send_part(transport: Any, file: BinaryIO, start: int, end: int) -> None:
    await asyncio.to_thread(file.seek, start)
    while start < end:
        chunk = await asyncio.to_thread(file.read, min(CHUNK, end - start))
        if not chunk:
            raise ResponseError("A file was shortened while it was sent")
        await transport.send_bytes(chunk)
        start += len(chunk)

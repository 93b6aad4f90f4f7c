"""Encodes what the client without a socket sends: JSON, forms, forms with files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec

T = TypeVar("T")

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]  # values are turned into text
Content = bytes | str | AsyncIterable[bytes]
FileContent = bytes | str | tuple[str, bytes | str] | tuple[str, bytes | str, str]
Files = Mapping[str, FileContent] | Iterable[tuple[str, FileContent]]


def items(given: Mapping[str, T] | Iterable[tuple[str, T]]) -> Iterable[tuple[str, T]]:
    if isinstance(given, Mapping):
        return cast("Mapping[str, T]", given).items()
    return given


def texts(params: Params) -> list[tuple[str, str]]:
    return [
        (name, _text(item))
        for name, value in items(params)
        for item in (value if isinstance(value, list | tuple) else [value])
    ]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def body_of(
    json: Any, content: Content | None, data: Params | None, files: Files | None
) -> tuple[str | None, int | None, AsyncIterator[bytes]]:
    """Return the body's media type, its length (None when it is not known) and its chunks."""
    given = [json is not msgspec.UNSET, content is not None, data is not None]
    if sum(given) > 1:
        raise TypeError("give one of `json`, `content` and `data`")
    if files is not None:
        if given[0] or given[1]:
            raise TypeError("give `files` alone or with `data`")
        return _whole(*_multipart(texts(data or {}), items(files)))
    if json is not msgspec.UNSET:
        return _whole("application/json", msgspec.json.encode(json))
    if data is not None:
        return _whole("application/x-www-form-urlencoded", urlencode(texts(data)).encode())
    if isinstance(content, AsyncIterable):
        return None, None, aiter(content)
    if isinstance(content, str):
        return _whole("text/plain; charset=utf-8", content.encode())
    return _whole(None, content or b"")


def _multipart(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, FileContent]]) -> tuple[str, bytes]:
    """Return media type and content of a form with files (RFC 7578), as browsers write it."""
    boundary = os.urandom(16).hex()
    body = bytearray()
    for name, value in fields:
        body += f'--{boundary}\r\ncontent-disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode()
    for name, given in files:
        filename, content, *rest = given if isinstance(given, tuple) else (name, given)
        kind = rest[0] if rest else "application/octet-stream"
        stated = f'form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"'
        body += f"--{boundary}\r\ncontent-disposition: {stated}\r\ncontent-type: {kind}\r\n\r\n".encode()
        body += content.encode() if isinstance(content, str) else content
        body += b"\r\n"
    return f"multipart/form-data; boundary={boundary}", bytes(body + f"--{boundary}--\r\n".encode())


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _whole(kind: str | None, body: bytes) -> tuple[str | None, int, AsyncIterator[bytes]]:
    async def once() -> AsyncIterator[bytes]:  # the shape of a body that arrives in chunks
        if body:
            yield body

    return kind, len(body), once()

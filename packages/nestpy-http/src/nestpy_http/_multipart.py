"""Reads ``multipart/form-data`` (RFC 7578) as it comes: fields in memory, files beyond a limit on disk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ._body import body_chunks
from ._form import Fields, add_field
from ._intake import Intake
from ._upload import CHUNK, Upload, safe_name
from .errors import BadRequestError, InvalidInputError, PayloadTooLargeError, UnsupportedMediaTypeError

__all__ = ("MultipartForm",)

MAX_HEADERS = 8
MAX_HEADER = 4096
MAX_BOUNDARY = 70
_MEDIA_TYPE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,60}/[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")


class MultipartForm:
    """A form with files; leaving it closes them.

    Attributes:
        fields: a text for each name, a list of texts for a repeated one.
        files: the files of each name.
    """

    def __init__(self, intake: Intake, names: frozenset[str] | None) -> None:
        """Take files of these *names* alone; of any where it is None."""
        self.fields: Fields = {}
        self.files: dict[str, list[Upload]] = {}
        self._intake = intake
        self._names = names
        self._uploads: list[Upload] = []
        self._count = 0
        self._held = 0
        self._ended = False
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._part: Upload | bytearray | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for upload in self._uploads:
            upload.close()

    async def read(self, headers: Any, protocol: Any, entry: list[Any] | None = None) -> None:
        """Take the whole body.

        Raises:
            UnsupportedMediaTypeError: it is no form with files.
            PayloadTooLargeError: it is over one of the limits in bytes.
            BadRequestError: it has too many parts, or is no such form.
            RequestTimeoutError: it comes too slowly.
        """
        parser = self._parser(headers)
        chunks = body_chunks(headers, protocol, self._intake.upload_limit, self._intake, entry, parks=True)
        try:
            await self._feed(parser, chunks)
        except FormParserError:
            raise BadRequestError("The form is not well-formed") from None
        if not self._ended:
            raise BadRequestError("The form is cut off")

    async def _feed(self, parser: MultipartParser, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            for start in range(0, len(chunk), CHUNK):
                if self._ended:
                    break
                parser.write(chunk[start : start + CHUNK])
                await self._settle()

    async def _settle(self) -> None:
        """Move to disk what is too much for memory, and what belongs to a file that is there already."""
        full = self._held > self._intake.memory
        for upload in self._uploads:
            if upload.held and (full or upload.on_disk):
                self._held -= upload.held
                await upload.flush()

    def _parser(self, headers: Any) -> MultipartParser:
        kind, options = parse_options_header(headers.get("content-type"))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data":
            raise UnsupportedMediaTypeError("The body must be `multipart/form-data`")
        if not 0 < len(boundary) <= MAX_BOUNDARY:
            raise BadRequestError("The boundary of the form is missing, or too long")
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        given: Any = callbacks
        return MultipartParser(boundary, given, max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER)

    # -- what the parser tells

    def _begin(self) -> None:
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _header_end(self) -> None:
        name, value = self._header
        self._headers.setdefault(bytes(name).strip().lower(), bytes(value))
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise BadRequestError("A part of the form has no name")
        self._name = _text(options[b"name"])
        if b"filename" not in options:
            self._count += 1
            if self._count > self._intake.fields:
                raise BadRequestError(f"The form has more than {self._intake.fields} fields")
            self._part = bytearray()
            return
        if self._names is not None and self._name not in self._names:
            failure = {"code": "unknown_field", "message": "This file is not known"}
            raise InvalidInputError({self._name[:100]: [failure]})
        if len(self._uploads) >= self._intake.files:
            raise BadRequestError(f"The form has more than {self._intake.files} files")
        self._part = Upload(safe_name(_text(options[b"filename"])), self._media_type())
        self._uploads.append(self._part)

    def _media_type(self) -> str:
        stated = self._headers.get(b"content-type", b"").partition(b";")[0].strip().decode("latin-1").lower()
        return stated if _MEDIA_TYPE.fullmatch(stated) else "application/octet-stream"

    def _data(self, data: bytes, start: int, end: int) -> None:
        if isinstance(self._part, Upload):
            self._part.add(data[start:end])
            self._held += end - start
        elif self._part is not None:
            self._part += data[start:end]
            if len(self._part) > self._intake.field_limit:
                raise PayloadTooLargeError(f"A field is over {self._intake.field_limit} bytes")

    def _part_end(self) -> None:
        part, self._part = self._part, None
        if isinstance(part, Upload):
            # A browser sends an empty part without a name where no file was chosen.
            if part.filename or part.size:
                self.files.setdefault(self._name, []).append(part)
        elif part is not None:
            add_field(self.fields, self._name, _text(bytes(part)))

    def _end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadRequestError("The form is not encoded in UTF-8") from None

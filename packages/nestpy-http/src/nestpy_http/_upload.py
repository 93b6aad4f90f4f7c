"""A file that a form brought: in memory while it is small, in a file without a name beyond that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

__all__ = ("Upload",)

CHUNK = 64 * 1024
MAX_NAME = 120
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\ufffd\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Upload:
    """A file of a form, readable until the answer has been sent.

    Attributes:
        filename: what the client calls it, without directories, control characters and leading dots; fit to be
            shown, not to be opened. Empty where the client gives no name.
        media_type: what the client says it is, which need not be true; ``application/octet-stream`` without a word.
        size: its bytes.
    """

    __slots__ = ("_buffer", "_file", "filename", "media_type", "size")

    def __init__(self, filename: str = "", media_type: str = "application/octet-stream", content: bytes = b"") -> None:
        self.filename = filename
        self.media_type = media_type
        self.size = len(content)
        self._buffer: bytearray | None = bytearray(content)
        self._file: IO[bytes] | None = None

    async def read(self) -> bytes:
        """Return all of it.

        Raises:
            ValueError: the request is over.
        """
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it in chunks of 64 KiB, from the beginning; the disk is read in a thread."""
        position = 0
        while position < self.size:
            if self._file is not None:
                chunk = await asyncio.to_thread(_read_at, self._file, position)
            elif self._buffer is not None:
                chunk = bytes(self._buffer[position : position + CHUNK])
            else:
                raise ValueError("the upload is closed: its request is over")
            position += len(chunk)
            yield chunk

    async def save(self, path: str | Path) -> Path:
        """Write it to *path*, which must not exist; into a directory it goes under a name of 32 random digits.

        Returns:
            where it is now.

        Raises:
            FileExistsError: there is something already.
        """
        target = Path(path)
        if await asyncio.to_thread(target.is_dir):
            import secrets

            target /= secrets.token_hex(16)
        out = await asyncio.to_thread(target.open, "xb")
        try:
            async for chunk in self:
                await asyncio.to_thread(out.write, chunk)
        finally:
            await asyncio.to_thread(out.close)
        return target

    # -- how a form fills it

    def add(self, data: bytes) -> None:
        """Take more of it, in memory; `flush` moves what is there to disk."""
        if self._buffer is None:
            self._buffer = bytearray()
        self._buffer += data
        self.size += len(data)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._buffer or b"")

    @property
    def on_disk(self) -> bool:
        """Whether it has outgrown memory."""
        return self._file is not None

    async def flush(self) -> None:
        """Move what is in memory to disk, in a thread."""
        buffer, self._buffer = self._buffer, None
        if self._file is None:
            import tempfile

            self._file = await asyncio.to_thread(tempfile.TemporaryFile)
        if buffer:
            await asyncio.to_thread(self._file.write, buffer)

    def close(self) -> None:
        """Let memory and file go; a file without a name is gone with that."""
        self._buffer = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r} {self.media_type} {self.size} bytes>"


def _read_at(file: IO[bytes], position: int) -> bytes:
    file.seek(position)
    return file.read(CHUNK)


def safe_name(given: str) -> str:
    """Return the last part of a name that a client gave, without what changes its meaning where it is shown."""
    import unicodedata

    last = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2][: 4 * MAX_NAME])
    name = _UNSAFE.sub("", last).strip().lstrip(".")
    stem, dot, suffix = name.rpartition(".")
    if len(name) > MAX_NAME and dot and len(suffix) <= 10:
        return f"{stem[: MAX_NAME - len(suffix) - 1]}.{suffix}"
    return name[:MAX_NAME]

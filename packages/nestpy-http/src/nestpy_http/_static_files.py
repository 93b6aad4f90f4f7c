"""Files below one directory, and nothing else of the machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from nestpy_core import public as public_

from ._controllers import controller, get
from ._file_response import FileResponse
from .errors import NotFoundError


def locate(root: Path, wanted: str) -> Path | None:
    """Return the regular file *wanted* below *root*; None for anything else. Runs in a worker thread.

    Args:
        root: resolved.
        wanted: decoded, with ``/`` between its parts. A part that begins with a dot, or holds a backslash, a colon or a
            control character, is nothing; so is a link that leads out.
    """
    parts = wanted.split("/")
    if any(not part or part[0] == "." or not part.isprintable() or "\\" in part or ":" in part for part in parts):
        return None
    try:
        found = root.joinpath(*parts).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    if not found.is_relative_to(root) or any(part.startswith(".") for part in found.relative_to(root).parts):
        return None
    return found if found.is_file() else None


def static_controller(path: str, directory: str | os.PathLike[str], *, public: bool, cache: str) -> type:
    """Return the controller that serves *directory* below *path*."""
    root = Path(directory).resolve()

    @controller(path)
    class StaticFiles:
        @get("/{file...}")
        async def serve(self, file: str) -> FileResponse:
            found = await asyncio.to_thread(locate, root, file)
            if found is None:
                raise NotFoundError
            return FileResponse(found, inline=True, headers={"cache-control": cache})

    return public_(StaticFiles) if public else StaticFiles

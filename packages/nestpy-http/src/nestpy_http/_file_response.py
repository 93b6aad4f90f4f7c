"""A file as a result; `_files` sends it, and is loaded only by apps with such results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ._answer import Response
from .errors import ResponseError

__all__ = ("FileResponse",)


class FileResponse(Response):
    """A file as the result of a handler that is annotated ``-> FileResponse``.

    Conditional requests and ranges are answered; a file that is not there, or is no regular file, is a 404.

    Args:
        path: of the file. Check it before: a path that a request names may lead anywhere.
        filename: what the client saves it as; by default its own name.
        media_type: by default guessed from the name.
        inline: show it in the browser instead of saving it. For files that users uploaded leave it False: a page
            among them would run in the app's name.
        headers: more headers.
    """

    __slots__ = ("filename", "inline", "path")

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        filename: str | None = None,
        media_type: str | None = None,
        inline: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(None, 200, headers, media_type=media_type)
        self.path = Path(path)
        self.filename = filename
        self.inline = inline

    @property
    def body(self) -> Any:  # a file has none in memory
        """Nothing that may be sent without looking at the request."""
        raise ResponseError("A file is answered by a handler that is annotated `-> FileResponse`")

    @body.setter
    def body(self, body: Any) -> None:
        """Leave it away: `Response` sets what it was not given."""

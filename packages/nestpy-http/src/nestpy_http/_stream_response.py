"""A stream as the result of a handler that decides status and headers first; `_streams` sends it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping

from ._answer import Response
from .errors import ResponseError

__all__ = ("StreamResponse",)


class StreamResponse(Response):
    """Chunks as the result of a handler annotated ``-> StreamResponse``, alone or beside ``Response``.

    For an answer that may stream or not, or whose status and headers are known only when it is called; a handler that
    always streams is an async generator itself.

    Args:
        chunks: an async generator of text and bytes; closed when the client goes. The first is awaited before
            the status is sent, so that an early failure is still a 500.
        status: from 200 to 599.
        headers: pairs of name and value.
        media_type: the ``Content-Type``, for instance ``text/event-stream``.
    """

    __slots__ = ("chunks",)

    def __init__(
        self,
        chunks: AsyncGenerator[str | bytes, None],
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        media_type: str = "application/octet-stream",
    ) -> None:
        super().__init__(None, status, headers, media_type=media_type)
        self.chunks = chunks

    @property
    def body(self) -> None:
        """Nothing that could be sent at once."""
        raise ResponseError("A stream is answered by a handler that is annotated `-> StreamResponse`")

    @body.setter
    def body(self, body: object) -> None:
        """Leave it away: `Response` sets what it was not given."""

"""Sends streams whose handlers decided status and headers first."""

from __future__ import annotations

from typing import Any

from ._answer import Answers, Headers, ResponseDraft, check_header, check_status
from ._stream import send_stream
from ._stream_response import StreamResponse


class StreamSender:
    """Sends the `StreamResponse` results of one app."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def send(  # noqa: PLR0917  # compiled code passes them
        self, scope: Any, protocol: Any, result: Any, status: int, extra: Headers, draft: ResponseDraft | None
    ) -> int:
        """Answer with a stream, or as `Answers.send` with any other result; return the status that was sent.

        Raises:
            ResponseError: the status or a header is not valid; nothing has been written then.
            StreamCutError: the generator failed after its first chunk.
        """
        del scope
        if not isinstance(result, StreamResponse):
            return self._answers.send(protocol, result, status, extra, draft)
        try:
            check_status(result.status)
            own = [(check_header(name, value), value) for name, value in result.headers]
            headers = self._answers.static(result.media_type, own)
        except BaseException:
            await result.chunks.aclose()
            raise
        return await send_stream(protocol, result.chunks, result.status, headers, draft)

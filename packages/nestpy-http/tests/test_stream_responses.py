from collections.abc import AsyncGenerator

import pytest

from nestpy_core import App, module
from nestpy_http import HttpModule, Response, StreamResponse, controller, get
from nestpy_testing import TestApp

CLOSED: list[str] = []


async def chunks(*given: str) -> AsyncGenerator[str, None]:
    try:
        for chunk in given:
            yield chunk
    finally:
        CLOSED.append("closed")


async def failing() -> AsyncGenerator[str, None]:
    raise ValueError("private")
    yield ""


@controller("/")
class Streams:
    @get("/mixed/{kind}")
    async def mixed(self, kind: str) -> StreamResponse | Response:
        if kind == "stream":
            return StreamResponse(chunks("a", "b"), 202, {"x-kind": kind}, media_type="text/event-stream")
        return Response({"kind": kind}, 203)

    @get("/failing")
    async def fails(self) -> StreamResponse:
        return StreamResponse(failing())

    @get("/bad-status")
    async def bad_status(self) -> StreamResponse:
        return StreamResponse(chunks("a"), 99)

    @get("/unannotated")
    async def unannotated(self) -> Response:
        return StreamResponse(chunks("a"))


@module(imports=[HttpModule.for_root()], providers=[Streams])
class AppModule: ...


@pytest.mark.anyio
async def test_a_handler_decides_per_call_whether_its_answer_streams() -> None:
    async with TestApp(App(AppModule)) as app:
        streamed = await app.http.get("/mixed/stream")
        assert (streamed.status, streamed.text, streamed.headers["x-kind"]) == (202, "ab", "stream")
        assert streamed.headers["content-type"] == "text/event-stream"
        assert streamed.headers["x-content-type-options"] == "nosniff"
        plain = await app.http.get("/mixed/plain")
        assert (plain.status, plain.json()) == (203, {"kind": "plain"})


@pytest.mark.anyio
async def test_a_stream_that_fails_before_its_first_chunk_or_has_no_valid_status_is_a_silent_500() -> None:
    async with TestApp(App(AppModule)) as app:
        for path in ("/failing", "/bad-status", "/unannotated"):
            answer = await app.http.get(path)
            assert answer.status == 500, path
            assert "private" not in answer.text

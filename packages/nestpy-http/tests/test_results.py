"""What handlers may return, and what the one choke point lets through."""

import asyncio
import dataclasses
import datetime as dt
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from nestpy_http import (
    BadRequestError,
    ConflictError,
    HttpContext,
    HttpError,
    Response,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
    controller,
    get,
    header,
    http_code,
    post,
)

pytestmark = pytest.mark.anyio

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class User(msgspec.Struct):
    id: uuid.UUID
    born: dt.date | None = None


@dataclasses.dataclass
class Point:
    x: int


USER = User(uuid.UUID(int=7), dt.date(2026, 1, 2))


@controller("/")
class ResultsController:
    @get("/str")
    async def text(self) -> str:
        return "é"

    @get("/bytes")
    async def raw(self) -> bytes:
        return b"\x00\xff"

    @get("/struct")
    async def struct(self) -> User:
        return USER

    @get("/dataclass")
    async def point(self) -> Point:
        return Point(1)

    @get("/list")
    async def users(self) -> list[User]:
        return [USER]

    @get("/dict")
    async def mapping(self) -> dict[str, Any]:
        return {"a": [1, None, True]}

    @get("/number")
    async def number(self) -> int:
        return 7

    @get("/optional")
    async def optional(self) -> Point | None:
        return None

    @get("/none")
    async def none(self) -> None: ...

    @post("/none")
    async def post_none(self) -> None: ...

    @get("/unannotated")
    async def unannotated(self):
        return {"a": 1}

    @get("/unannotated-text")
    async def unannotated_text(self):
        return "text"

    @get("/unannotated-none")
    async def unannotated_none(self):
        pass

    @get("/any")
    async def any(self) -> Any:
        return [1]

    @get("/response")
    async def response(self) -> Response:
        return Response({"a": 1}, 418, {"X-A": "1"})

    @get("/response-or-struct")
    async def either(self) -> Response | User:
        return USER

    @get("/cookies")
    async def cookies(self) -> Response:
        return Response("x", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    @get("/typed")
    async def typed(self) -> Response:
        return Response("<p>", media_type="text/html; charset=utf-8")

    @get("/empty")
    async def empty(self) -> Response:
        return Response(status=304, headers={"etag": '"x"'})

    @get("/coded")
    @http_code(202)
    @header("X-One", "1")
    @header("Cache-Control", "no-store")
    async def coded(self) -> str:
        return "coded"

    @get("/html")
    @header("Content-Type", "text/html; charset=utf-8")
    async def html(self) -> str:
        return "<p>"

    @get("/framed")
    @header("X-Frame-Options", "SAMEORIGIN")
    async def framed(self) -> str:
        return "framed"

    @get("/drafted")
    async def drafted(self, context: HttpContext) -> User:
        context.response.set("x-a", "1")
        context.response.set("X-A", "2")
        context.response.append("set-cookie", "a=1")
        context.response.append("set-cookie", "b=2")
        context.response.set("referrer-policy", "no-referrer")
        return USER

    @get("/drafted-status")
    async def drafted_status(self, context: HttpContext) -> User:
        context.response.status = 203
        return USER

    @get("/sync")
    def sync(self) -> str:
        return "sync"


JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
USER_JSON = b'{"id":"00000000-0000-0000-0000-000000000007","born":"2026-01-02"}'


@pytest.mark.parametrize(
    ("path", "status", "media_type", "content"),
    [
        ("/str", 200, TEXT, "é".encode()),
        ("/bytes", 200, "application/octet-stream", b"\x00\xff"),
        ("/struct", 200, JSON, USER_JSON),
        ("/dataclass", 200, JSON, b'{"x":1}'),
        ("/list", 200, JSON, b"[" + USER_JSON + b"]"),
        ("/dict", 200, JSON, b'{"a":[1,null,true]}'),
        ("/number", 200, JSON, b"7"),
        ("/optional", 200, JSON, b"null"),
        ("/none", 204, None, b""),
        ("/unannotated", 200, JSON, b'{"a":1}'),
        ("/unannotated-text", 200, TEXT, b"text"),
        ("/any", 200, JSON, b"[1]"),
        ("/response", 418, JSON, b'{"a":1}'),
        ("/response-or-struct", 200, JSON, USER_JSON),
        ("/typed", 200, "text/html; charset=utf-8", b"<p>"),
        ("/empty", 304, None, b""),
        ("/coded", 202, TEXT, b"coded"),
        ("/html", 200, "text/html; charset=utf-8", b"<p>"),
        ("/drafted", 200, JSON, USER_JSON),
        ("/drafted-status", 203, JSON, USER_JSON),
        ("/sync", 200, TEXT, b"sync"),
    ],
)
async def test_result_decides_status_type_and_body(path, status, media_type, content, serving):
    async with serving(ResultsController) as http:
        answer = await http.get(path)
        assert (answer.status, answer.headers.get("content-type"), answer.content) == (status, media_type, content)
        assert {**SECURITY, **dict(answer.headers.items())}.keys() == dict(answer.headers.items()).keys()
        assert len(answer.headers.get_all("content-type")) <= 1


async def test_post_without_result_is_204_too(serving):
    async with serving(ResultsController) as http:
        assert (await http.post("/none")).status == 204
        assert (await http.get("/unannotated-none")).content == b""


async def test_headers_of_handlers_reach_the_client_once_and_replace_the_defaults(serving):
    async with serving(ResultsController) as http:
        assert (await http.get("/response")).headers["x-a"] == "1"
        assert (await http.get("/cookies")).headers.get_all("set-cookie") == ["a=1", "b=2"]
        coded = await http.get("/coded")
        assert (coded.headers["x-one"], coded.headers["cache-control"]) == ("1", "no-store")
        assert (await http.get("/framed")).headers.get_all("x-frame-options") == ["SAMEORIGIN"]
        drafted = await http.get("/drafted")
        assert drafted.headers.get_all("x-a") == ["2"]
        assert drafted.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert drafted.headers.get_all("referrer-policy") == ["no-referrer"]


async def test_security_headers_stand_on_every_answer_and_can_be_turned_off(serving):
    asked = [
        ("GET", "/str"),
        ("GET", "/nowhere"),
        ("PUT", "/str"),
        ("OPTIONS", "/str"),
        ("HEAD", "/str"),
        ("GET", "/.."),
    ]
    async with serving(ResultsController) as http:
        for method, path in asked:
            answer = await http.request(method, path)
            assert SECURITY.items() <= dict(answer.headers.items()).items(), (method, path)
    async with serving(ResultsController, security_headers=False) as http:
        for method, path in asked:
            assert not SECURITY.keys() & set((await http.request(method, path)).headers)


class Evil(Exception):
    pass


CANARY = "canary-7f3a"


@controller("/broken")
class BrokenController:
    @get("/status/{status}")
    async def status(self, status: int) -> Response:
        return Response("x", status)

    @get("/header")
    async def header(self) -> Response:
        return Response("x", headers={"location": f"/x\r\nSet-Cookie: {CANARY}=1"})

    @get("/header-name")
    async def header_name(self) -> Response:
        return Response("x", headers={f"x {CANARY}": "1"})

    @get("/nul")
    async def nul(self) -> Response:
        return Response("x", headers={"x-a": f"{CANARY}\x00"})

    @get("/emoji")
    async def emoji(self) -> Response:
        return Response("x", headers={"x-a": f"{CANARY}☃"})

    @get("/number")
    async def number(self) -> Response:
        return Response("x", headers={"x-a": 3})

    @get("/media")
    async def media(self) -> Response:
        return Response("x", media_type=f"text/plain\r\n{CANARY}: 1")

    @get("/draft")
    async def draft(self, context: HttpContext) -> str:
        context.response.set("x-a", f"a\n{CANARY}")
        return "x"

    @get("/draft-status")
    async def draft_status(self, context: HttpContext) -> str:
        context.response.status = 1000
        return "x"

    @get("/unserializable")
    async def unserializable(self) -> dict[str, Any]:
        return {"a": Evil(CANARY)}

    @get("/surrogate")
    async def surrogate(self) -> str:
        return f"{CANARY}\ud800"

    @get("/surrogate-json")
    async def surrogate_json(self) -> dict[str, str]:
        return {"a": f"{CANARY}\ud800"}

    @get("/wrong-type")
    async def wrong_type(self) -> str:
        return 3  # a bug that the type checker would have found

    @get("/none-for-text")
    async def none_for_text(self) -> str:
        return None

    @get("/raises")
    async def raises(self) -> str:
        raise Evil(CANARY) from ValueError(CANARY)

    @get("/group")
    async def group(self) -> str:
        raise ExceptionGroup(CANARY, [Evil(CANARY)])

    @get("/detail")
    async def detail(self) -> str:
        raise HttpError("safe", status=500) from Evil(CANARY)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/status/{status}" for status in (99, 0, -1, 100, 101, 199, 600, 1000, 2**31, 2**63 - 1)),
        "/header",
        "/header-name",
        "/nul",
        "/emoji",
        "/number",
        "/media",
        "/draft",
        "/draft-status",
        "/unserializable",
        "/surrogate",
        "/surrogate-json",
        "/wrong-type",
        "/none-for-text",
        "/raises",
        "/group",
        "/detail",
    ],
)
async def test_broken_answer_is_a_silent_500_and_the_app_goes_on(path, serving, caplog):
    async with serving(BrokenController) as http:
        answer = await http.get(f"/broken{path}")
        assert (answer.status, answer.media_type) == (500, "application/problem+json")
        assert CANARY not in answer.text + repr(answer.headers)
        assert "set-cookie" not in answer.headers
        assert {**SECURITY, **dict(answer.headers.items())}.keys() == dict(answer.headers.items()).keys()
        assert (await http.get("/broken/status/200")).status == 200
    if path != "/detail":
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert caplog.records[0].exc_info


async def test_problem_carries_what_the_error_says(serving):
    @controller("/")
    class ProblemsController:
        @get("/conflict")
        async def conflict(self) -> str:
            raise ConflictError("Taken", extensions={"name": "x"}, headers={"x-a": "1"})

        @get("/teapot")
        async def teapot(self) -> str:
            raise HttpError("Short and stout", status=418)

        @get("/unauthorized")
        async def unauthorized(self) -> str:
            raise UnauthorizedError(challenge='Basic realm="x"')

        @get("/busy")
        async def busy(self) -> str:
            raise ServiceUnavailableError(retry_after=0.2)

        @get("/many")
        async def many(self) -> str:
            raise TooManyRequestsError(retry_after=61.5)

        @get("/injected")
        async def injected(self) -> str:
            raise BadRequestError("x", headers={"x-a": "a\r\nb: c"})

    async with serving(ProblemsController) as http:
        conflict = await http.get("/conflict")
        assert conflict.json() == {
            "type": "https://www.rfc-editor.org/rfc/rfc9110#status.409",
            "title": "Conflict",
            "status": 409,
            "detail": "Taken",
            "name": "x",
        }
        assert conflict.headers["x-a"] == "1"
        assert (await http.get("/teapot")).json()["type"] == "about:blank"
        assert (await http.get("/unauthorized")).headers["www-authenticate"] == 'Basic realm="x"'
        assert (await http.get("/busy")).headers["retry-after"] == "1"
        assert (await http.get("/many")).headers["retry-after"] == "62"
        injected = await http.get("/injected")
        assert (injected.status, "x-a" in injected.headers) == (500, False)


@controller("/stream")
class StreamController:
    events: list[str]

    def __init__(self):
        self.events = []

    @get("/")
    async def numbers(self) -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                yield f"{number};".encode()
        finally:
            self.events.append("closed")

    @get("/text")
    @header("content-type", "text/event-stream")
    async def text(self) -> AsyncIterator[str]:
        yield "é"

    @get("/nothing")
    async def nothing(self) -> AsyncIterator[bytes]:
        return
        yield b""

    @get("/endless")
    async def endless(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            self.events.append("closed")

    @get("/early")
    async def early(self) -> AsyncIterator[bytes]:
        if not self.events:
            raise Evil(CANARY)
        yield b"never"

    @get("/refused")
    async def refused(self) -> AsyncIterator[bytes]:
        if not self.events:
            raise ConflictError("Not now")
        yield b"never"

    @get("/late")
    async def late(self) -> AsyncIterator[bytes]:
        yield b"begun"
        raise Evil(CANARY)


async def test_async_generator_is_sent_as_it_comes(serving):
    async with serving(StreamController) as http:
        answer = await http.get("/stream")
        assert (answer.status, answer.content) == (200, b"0;1;2;")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert SECURITY.items() <= dict(answer.headers.items()).items()
        text = await http.get("/stream/text")
        assert (text.headers.get_all("content-type"), text.text) == (["text/event-stream"], "é")
        assert (await http.get("/stream/nothing")).content == b""
        assert (await http.head("/stream")).content == b""


async def test_generator_is_closed_when_the_client_leaves_and_nothing_is_logged(make_app, caplog):
    from nestpy_http import HttpClient

    app = make_app(StreamController)
    async with app.create_context() as context:
        http = HttpClient(app.__rsgi__)
        async with http.stream("GET", "/stream/endless") as answer:
            assert await anext(aiter(answer)) == b"x"
        assert (await context.get(StreamController)).events == ["closed"]
        await http.head("/stream")
        assert (await context.get(StreamController)).events == ["closed", "closed"]
    assert not caplog.records


async def test_stream_that_fails_before_its_first_chunk_is_an_honest_error(serving):
    async with serving(StreamController) as http:
        early = await http.get("/stream/early")
        assert (early.status, CANARY in early.text) == (500, False)
        assert (await http.get("/stream/refused")).status == 409


async def test_stream_that_fails_later_is_cut_so_that_the_client_learns_of_it(serving, caplog):
    async with serving(StreamController) as http:
        with pytest.raises(Exception, match="stream") as caught:
            await http.get("/stream/late")
        assert CANARY not in str(caught.value)
        assert (await http.get("/stream")).status == 200
    assert [record.levelno for record in caplog.records] == [logging.ERROR]

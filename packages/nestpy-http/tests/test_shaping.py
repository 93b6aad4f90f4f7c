"""Representations, validators, compression and timings: chosen at boot, paid for by the routes that ask for them."""

import gzip
import importlib
import math
import re
import sys
import time
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import brotli
import msgspec
import pytest

from nestpy_core import injectable, use_interceptors
from nestpy_http import (
    HttpContext,
    NotFoundError,
    Request,
    Response,
    compress,
    controller,
    etag,
    get,
    header,
    http_code,
    post,
    produces,
    put,
    sse,
)
from nestpy_http._accept import best_encoding, best_media, weighted
from nestpy_http._compression import ZSTD, available
from nestpy_http._input import parse_cookies
from nestpy_http._preconditions import matches
from nestpy_http._ranges import parse_ranges
from nestpy_http._timing import entry

pytestmark = pytest.mark.anyio

LONG = "x" * 5000


class User(msgspec.Struct):
    id: int


@injectable
class ReplaceInterceptor:
    async def intercept(self, context: HttpContext, call_next: Any) -> Any:
        await call_next()
        context.response.set("x-a", "1")
        return Response("replaced", 203)


@controller("/")
class ShapedController:
    calls = 0

    @get("/user")
    @produces("application/json", "application/msgpack")
    async def user(self) -> User:
        ShapedController.calls += 1
        return User(7)

    @use_interceptors(ReplaceInterceptor)
    @get("/replaced")
    @produces("application/json", "application/msgpack")
    async def replaced(self) -> User:
        return User(7)

    @get("/packed")
    @produces("application/msgpack")
    async def packed(self) -> User:
        return User(7)

    @get("/html")
    @produces("text/html; charset=utf-8")
    async def html(self) -> str:
        return "<p>"

    @get("/tagged")
    @etag
    async def tagged(self) -> User:
        return User(7)

    @get("/tagged-text")
    @etag
    @header("cache-control", "no-cache")
    async def tagged_text(self, context: HttpContext) -> str:
        context.response.set("x-a", "1")
        return "é"

    @get("/tagged-failure")
    @etag
    async def tagged_failure(self) -> str:
        raise NotFoundError("gone")

    @get("/long")
    async def long(self) -> str:
        return LONG

    @get("/long-json")
    @etag
    async def long_json(self) -> dict[str, str]:
        return {"a": LONG}

    @get("/short")
    async def short(self) -> str:
        return "x"

    @get("/image")
    @produces("image/png")
    async def image(self) -> bytes:
        return LONG.encode()

    @get("/encoded")
    async def encoded(self) -> Response:
        return Response(
            zlib.compress(LONG.encode()) * 100, media_type="text/plain", headers={"content-encoding": "deflate"}
        )

    @get("/secret")
    @compress(False)
    async def secret(self) -> str:
        return LONG

    @get("/stream")
    @produces("text/plain")
    async def stream(self) -> AsyncIterator[str]:
        yield "one"
        yield "two"

    @sse("/events")
    async def events(self) -> AsyncIterator[str]:
        yield "one"

    @get("/timed-already")
    @header("server-timing", "own;dur=1")
    async def timed_already(self) -> str:
        return "timed"

    @get("/timed")
    async def timed(self, context: HttpContext) -> str:
        with context.timing("db", "users"):
            pass
        with context.timing("bad name"), context.timing("cache", 'a "b" \\c'):
            pass
        with context.timing("split", "a\r\nx: y"):
            pass
        return "timed"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/msgpack", "application/msgpack"),
        ("application/json;q=0.5, application/msgpack", "application/msgpack"),
        ("application/json;q=0.5, application/*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/msgpack"),
        ("text/html, application/*;q=0.2", "application/json"),
    ],
)
async def test_accept_chooses_the_representation(accept, media_type, serving):
    async with serving(ShapedController) as http:
        answer = await http.get("/user", headers={} if accept is None else {"accept": accept})
        assert (answer.headers["content-type"], answer.headers["vary"]) == (media_type, "accept")
        decode = msgspec.json.decode if media_type == "application/json" else msgspec.msgpack.decode
        assert decode(answer.content) == {"id": 7}


async def test_representation_that_nobody_has_is_406_before_the_handler_runs(serving):
    async with serving(ShapedController) as http:
        before = ShapedController.calls
        answer = await http.get("/user", headers={"accept": "text/html"})
        assert (answer.status, ShapedController.calls) == (406, before)
        assert "application/msgpack" in answer.json()["detail"]


async def test_single_media_types_and_layers_keep_their_word(serving):
    async with serving(ShapedController) as http:
        packed = await http.get("/packed")
        assert (packed.headers["content-type"], packed.headers.get("vary")) == ("application/msgpack", None)
        assert (await http.get("/html")).headers.get_all("content-type") == ["text/html; charset=utf-8"]
        replaced = await http.get("/replaced")
        assert (replaced.status, replaced.text, replaced.headers["x-a"]) == (203, "replaced", "1")


def test_media_types_that_nothing_encodes_do_not_boot(boot_problems):
    @controller("/")
    class WrongController:
        @get("/text")
        @produces("application/json", "text/html")
        async def text(self) -> str:
            return ""

        @get("/object")
        @produces("application/json", "text/csv")
        async def object(self) -> User:
            return User(1)

        @post("/tagged")
        @etag
        async def tagged(self) -> User:
            return User(1)

    problems = "\n".join(boot_problems(WrongController))
    assert "only JSON and MessagePack can be chosen from" in problems
    assert "gives text, bytes or a stream" in problems
    assert "has `@etag` and answers POST" in problems


async def test_unchanged_result_is_304_without_a_body(serving):
    async with serving(ShapedController) as http:
        for path in ("/tagged", "/tagged-text"):
            first = await http.get(path)
            tag = first.headers["etag"]
            assert tag.startswith('W/"')
            same = await http.get(path, headers={"if-none-match": f'"a", {tag}'})
            assert (same.status, same.content, same.headers["etag"]) == (304, b"", tag)
            assert same.headers.get("content-type") is None
            assert same.headers["x-content-type-options"] == "nosniff"
            assert (await http.get(path, headers={"if-none-match": '"other"'})).status == 200
            assert (await http.head(path)).headers["etag"] == tag
        failure = await http.get("/tagged-failure", headers={"if-none-match": "*"})
        assert (failure.status, failure.headers.get("etag")) == (404, None)


async def test_result_that_the_client_does_not_have_is_412(serving):
    @controller("/")
    class StrongController:
        @get("/")
        @etag
        async def root(self) -> Response:
            return Response("one", headers={"etag": '"a,b"'})

    async with serving(ShapedController, StrongController) as http:
        tag = (await http.get("/tagged")).headers["etag"]
        assert (await http.get("/tagged", headers={"if-match": "*"})).status == 200
        refused = await http.get("/tagged", headers={"if-match": tag})
        assert (refused.status, refused.json()["title"]) == (412, "Precondition Failed")
        assert (await http.get("/", headers=[("if-match", '"x"'), ("if-match", 'W/"y", "a,b"')])).text == "one"
        assert (await http.get("/", headers={"if-match": '"a"'})).status == 412
        assert (await http.get("/", headers={"if-none-match": 'W/"a,b"'})).status == 304
        assert (await http.get("/tagged-failure", headers={"if-match": '"x"'})).status == 404


async def test_handler_that_changes_something_checks_what_the_client_has_seen(serving):
    changed = datetime(2026, 1, 2, tzinfo=UTC)

    @controller("/")
    class StoredController:
        @put("/there")
        async def there(self, request: Request) -> None:
            request.check_preconditions('"v2"', changed)

        @put("/new")
        async def new(self, request: Request) -> None:
            request.check_preconditions()

    async with serving(StoredController) as http:
        for path, name, value, status in (
            ("/there", "if-match", '"v1", "v2"', 204),
            ("/there", "if-match", '"v1"', 412),
            ("/there", "if-match", 'W/"v2"', 412),
            ("/there", "if-none-match", "*", 412),
            ("/there", "if-none-match", '"v1"', 204),
            ("/there", "if-unmodified-since", "Fri, 02 Jan 2026 00:00:00 GMT", 204),
            ("/there", "if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 GMT", 412),
            ("/there", "if-modified-since", "Fri, 02 Jan 2026 00:00:00 GMT", 204),
            ("/new", "if-none-match", "*", 204),
            ("/new", "if-match", "*", 412),
            ("/new", "x-none", "", 204),
        ):
            assert (await http.put(path, headers={name: value})).status == status, (path, name, value)


def decoded(answer):
    coding = answer.headers.get("content-encoding")
    if coding == "zstd":
        return importlib.import_module(ZSTD).decompress(answer.content)
    return {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding](answer.content)


def test_zstd_is_of_the_standard_library_where_it_has_it():
    assert ("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd") == ZSTD
    assert list(available()) == ["zstd", "br", "gzip"]


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, br, zstd", "zstd"),
        ("zstd;q=0.1, br;q=0.5, gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=0", None),
        ("deflate", None),
        ("gzip;q=nonsense", None),
    ],
)
async def test_long_text_is_compressed_as_the_client_accepts(accept, coding, serving):
    async with serving(ShapedController, compression=True) as http:
        headers = {} if accept is None else {"accept-encoding": accept}
        for path in ("/long", "/long-json"):
            answer = await http.get(path, headers=headers)
            assert answer.headers.get("content-encoding") == coding
            assert answer.headers["vary"] == "accept-encoding"
            assert LONG.encode() in decoded(answer)
            assert answer.headers["content-length"] == str(len(answer.content))
            head = await http.head(path, headers=headers)
            assert (head.headers, head.content) == (answer.headers, b"")


async def test_short_encoded_binary_and_secret_answers_are_left_alone(serving):
    async with serving(ShapedController, compression=True) as http:
        for path in ("/short", "/image", "/encoded", "/secret"):
            answer = await http.get(path, headers={"accept-encoding": "gzip"})
            assert answer.headers.get("content-encoding") in (None, "deflate"), path
    async with serving(ShapedController) as http:
        answer = await http.get("/long", headers={"accept-encoding": "gzip"})
        assert (answer.headers.get("content-encoding"), answer.headers.get("vary")) == (None, None)


async def test_validator_holds_for_the_compressed_answer_too(serving):
    async with serving(ShapedController, compression=True) as http:
        headers = {"accept-encoding": "gzip"}
        tag = (await http.get("/long-json", headers=headers)).headers["etag"]
        assert (await http.get("/long-json", headers={**headers, "if-none-match": tag})).status == 304


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_every_chunk_of_a_compressed_stream_can_be_read_when_it_comes(coding, serving):
    start = {
        "gzip": lambda: zlib.decompressobj(31).decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: importlib.import_module(ZSTD).ZstdDecompressor().decompress,
    }
    async with serving(ShapedController, compression=True) as http:
        async with http.stream("GET", "/stream", headers={"accept-encoding": coding}) as answer:
            read = start[coding]()
            chunks = [read(chunk) async for chunk in answer]
            assert chunks[:2] == [b"one", b"two"]
        events = await http.get("/events", headers={"accept-encoding": coding})
        assert b"data: one\n\n" in decoded(events)
        assert (await http.head("/stream", headers={"accept-encoding": coding})).status == 200


async def test_server_timing_lists_what_was_measured_and_the_total_last(serving):
    async with serving(ShapedController, server_timing=True) as http:
        timing = (await http.get("/timed")).headers["server-timing"]
        number = r"dur=\d+\.\d\d"
        expected = rf'db;{number};desc=users, cache;{number};desc="a \\"b\\" \\\\c", split;{number}, total;{number}'
        assert re.fullmatch(expected, timing), timing
        for path, status in (("/nowhere", 404), ("/tagged-failure", 404), ("/stream", 200)):
            answer = await http.get(path)
            assert answer.status == status
            assert re.fullmatch(rf"total;{number}", answer.headers["server-timing"])
        kept, added = (await http.get("/timed-already")).headers.get_all("server-timing")
        assert (kept, added.partition(";")[0]) == ("own;dur=1", "total")
    async with serving(ShapedController) as http:
        assert (await http.get("/timed")).headers.get("server-timing") is None
    assert entry("db", 1.005, "") == "db;dur=1.00"


def cost(parse, text):
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        for _ in range(3):
            parse(text)
        best = min(best, time.process_time() - start)
    return max(best, 1e-5)


@pytest.mark.parametrize(
    "parse",
    [
        pytest.param(weighted, id="weighted"),
        pytest.param(lambda text: best_media(text, ("application/json", "application/msgpack")), id="accept"),
        pytest.param(lambda text: best_encoding(text, ("zstd", "br", "gzip")), id="accept-encoding"),
        pytest.param(lambda text: parse_ranges(text, 10**9), id="range"),
        pytest.param(lambda text: matches(text, '"x"'), id="if-none-match"),
        pytest.param(parse_cookies, id="cookie"),
    ],
)
@pytest.mark.parametrize("item", ["a/b;q=0.5,", "1-1,", ";", ",", "a/b;;;;;;q=1,", '"a', "a=b; "])
def test_twice_the_header_costs_at_most_two_and_a_half_times(parse, item):
    text = "bytes=" + item * 3_000
    # A busy machine may spoil a measurement; a quadratic parser spoils all of them.
    assert any(cost(parse, text * 2) <= 2.5 * cost(parse, text) + 1e-3 for _ in range(6))


def test_answers_that_use_none_of_it_are_written_as_ever(make_app):
    @controller("/")
    class PlainController:
        @get("/")
        async def plain(self) -> str:
            return "plain"

        @http_code(202)
        @get("/user")
        async def user(self) -> User:
            return User(1)

    plain = make_app(PlainController)
    shaped = make_app(PlainController, compression=True, server_timing=True, redirect_hosts=("a.example",))
    sources = [
        [function.source for function in app.functions if function.name.startswith("PlainController")]
        for app in (plain, shaped)
    ]
    assert sources[0] == sources[1]
    assert sources[0]

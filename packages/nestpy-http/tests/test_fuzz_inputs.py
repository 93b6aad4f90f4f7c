"""Whatever stands in a query, header, cookie, form or body, handlers never fail of it: a property, without a socket."""

import contextlib
import json
import logging
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nestpy_testing import TestApp

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

EXAMPLES = settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=60)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.just(10**400)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=20) | JSON,
        "price": NUMBERS | JSON,
        "address": st.fixed_dictionaries({"city": st.text(max_size=5)}) | JSON,
        "other": JSON,
    },
)
NESTED = st.integers(0, 3000).map(lambda depth: b"[" * depth + b"]" * depth)
HEADERS = (
    *("accept", "accept-encoding", "authorization", "content-type", "cookie", "forwarded", "host", "if-match"),
    *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin", "range", "sec-fetch-site"),
    *("x-a", "x-api-version", "x-forwarded-for", "x-real-ip", "content-encoding", "last-event-id"),
)
VALUE = (
    TEXT
    | st.sampled_from(["*", "*/*", "bytes=0-", "bytes=-1", "gzip;q=0.5", '"a", W/"b"', "Fri, 02 Jan 2026 00:00:00 GMT"])
    | st.lists(TEXT, max_size=20).map(",".join)
    | st.lists(TEXT, max_size=20).map(";".join)
)
PATHS = (
    *("/items", "/items/1", "/seen/x", "/guarded", "/answers/text", "/answers/peer", "/shaped/cookie"),
    *("/shaped/tagged", "/shaped/produced", "/shaped/lines", "/shaped/moved", "/answers/stream", "/assets/page.html"),
)


@pytest.fixture(scope="module")
async def client():
    directory = str(Path(__file__).parent / "wire")
    sys.path.insert(0, directory)
    try:
        sys.modules.pop("main", None)
        import main

        async with contextlib.AsyncExitStack() as stack:
            yield (await stack.enter_async_context(TestApp(main.MODULES[""]))).http
    finally:
        sys.path.remove(directory)
        sys.modules.pop("main", None)
        logging.getLogger("python_multipart.multipart").disabled = False


def check(answer):
    assert answer.status < 500, answer.text
    if answer.media_type == "application/problem+json":
        assert msgspec.json.decode(answer.content)["status"] == answer.status


@given(
    body=ITEM.map(json.dumps).map(str.encode) | JSON.map(json.dumps).map(str.encode) | st.binary(max_size=200) | NESTED
)
@EXAMPLES
async def test_bodies_of_json(client, body):
    check(await client.post("/items", content=body, headers={"content-type": "application/json"}))


def packed(value):
    try:
        return msgspec.msgpack.encode(value)
    except OverflowError:
        return b"\xcf" + b"\xff" * 8


@given(body=(ITEM | JSON).map(packed) | st.binary(max_size=200))
@EXAMPLES
async def test_bodies_of_message_pack(client, body):
    check(await client.post("/intake/packed", content=body, headers={"content-type": "application/msgpack"}))


@given(body=st.lists(st.tuples(TEXT, TEXT), max_size=8).map(lambda pairs: "&".join(map("=".join, pairs)).encode()))
@EXAMPLES
async def test_forms(client, body):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    check(await client.post("/intake/form", content=body, headers=kind))


PART = st.tuples(
    st.sampled_from([b"content-disposition", b"content-type", b"x", b"", b"content-disposition\0"]),
    st.sampled_from(
        [b'form-data; name="photo"; filename="a"', b'form-data; name="title"', b"form-data", b"; ; =", b"\xff"]
    )
    | st.binary(max_size=40),
    st.sampled_from([b"\r\n\r\n", b"\r\n", b"\n\n", b""]),
    st.binary(max_size=60),
    st.sampled_from([b"\r\n--XX\r\n", b"\r\n--XX--", b"--XX", b"\r\n--XX--\r\n", b""]),
).map(lambda part: part[0] + b": " + part[1] + part[2] + part[3] + part[4])


@given(
    parts=st.lists(PART, max_size=5),
    head=st.sampled_from([b"--XX\r\n", b"--XX", b"", b"preamble\r\n--XX\r\n"]),
    kind=VALUE,
)
@EXAMPLES
async def test_forms_with_files(client, parts, head, kind):
    logging.getLogger("python_multipart.multipart").disabled = True  # it warns of each malformed part
    body = head + b"".join(parts)
    for stated in ("multipart/form-data; boundary=XX", f"multipart/form-data; boundary={kind}", kind):
        check(await client.post("/intake/upload", content=body, headers={"content-type": stated}))


@given(
    path=st.sampled_from(PATHS), headers=st.lists(st.tuples(st.sampled_from(HEADERS), VALUE), max_size=4), query=TEXT
)
@EXAMPLES
async def test_headers_and_queries(client, path, headers, query):
    check(await client.get(f"{path}?{query}", headers=headers))
    check(await client.get(f"/items?page={query}&tag={query}&order={query}", headers=headers))


@given(
    path=st.text(max_size=40) | st.lists(TEXT, max_size=6).map("/".join),
    method=st.sampled_from(["GET", "PUT", "PURGE", "x"]),
)
@EXAMPLES
async def test_paths_and_methods(client, path, method):
    answer = await client.request(method, f"/{path}")
    assert answer.status < 500 or answer.status == 501

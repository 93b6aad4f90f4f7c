"""Whatever a request carries, twice as much of it costs at most two and a half times as much: no parser is quadratic.

Ranges, cookies and ``Accept`` are in `test_shaping`, forms and files in `test_forms`, strict JSON in `test_validation`.
"""

import contextlib
import gc
import math
import time

import msgspec
import pytest

from nestpy_core import ParseArray, Secret
from nestpy_http import Headers, HttpError, SignedCookies
from nestpy_http._client_address import TrustedProxies
from nestpy_http._config import HttpConfig
from nestpy_http._depth import check_packed_depth
from nestpy_http._files import disposition
from nestpy_http._input import check_json, query_values
from nestpy_http._preconditions import refused
from nestpy_http._protocol import Scope
from nestpy_http._redirect import redirect
from nestpy_http._request_shape import RequestShape, host_name
from nestpy_http._router import UNSAFE, Router, Template
from nestpy_http._upload import safe_name
from nestpy_http._versions import VersionReader

PROXIES = TrustedProxies(["10.0.0.0/8"])
SHAPE = RequestShape(["localhost"], strict=True)
MEDIA_VERSIONS = VersionReader(HttpConfig(versioning="media_type"))
ROUTER = Router()
ROUTER.add("GET", Template.parse("/a/{b}/c"), print)


def headers(**values):
    return Headers([(name.replace("_", "-"), value) for name, value in values.items()])


def forwarded(text):
    name = "forwarded" if "=" in text else "x-forwarded-for"
    PROXIES.resolve(Scope("GET", "/", "", Headers([(name, text)]), client="10.0.0.1:1"))


SIGNER = SignedCookies(HttpConfig(cookie_secrets=Secret(("s" * 32,))))


def signed(text):
    SIGNER._verified("session", text)


def conditional(text):
    given = headers(if_match=text, if_none_match=text, if_unmodified_since=text, if_modified_since=text)
    refused("GET", given, '"x"', 1.0)


PARSERS = {
    "query": (query_values, ["a=1&", "a&", "&", "%", "%41=%42&", "+", "=", "é"]),
    "forwarded": (forwarded, ["for=1;", "for=10.0.0.1,", "10.0.0.1, ", ",", '"', "[", "for=[::1]:1;by=x,"]),
    "conditional": (conditional, ['"a",', '"', "W/", 'W/"a" ', ",", "Fri, 02 Jan ", "1"]),
    "signed cookie": (signed, ["a", ".", "=", "A.A", "-_"]),
    "host": (host_name, ["a", "a.", "-", ":", "[", "a:1", "_"]),
    "content type": (lambda text: check_json(headers(content_type=text)), ["application/json;", ";", "a=b;", "=", '"']),
    "version": (lambda text: MEDIA_VERSIONS.read(headers(accept=text)), ["a/b;v=1,", ";", ",", "v=1;", "v", '"']),
    "path": (UNSAFE.search, ["/a", "/", "..", "/.", "a", ";", "%"]),
    "route": (lambda text: list(ROUTER.methods(text)), ["/a", "/", "a/", "/a/b/c"]),
    "redirect": (redirect, ["/a", "/", "http://", "\\", "a:", "é", "?", "#", "%"]),
    "name of a file": (safe_name, ["a", "/", "\\", ".", "é", "\u0301", "a.", " "]),
    "disposition": (lambda text: disposition(text, inline=True), ["a", '"', "é", "%", "\n"]),
    "array": (lambda text: ParseArray(int).transform(text), ["1,", ",", "a", " ", "1, a,"]),
    "shape": (lambda text: SHAPE.check(Scope("GET", "/", "", Headers()), Headers([("host", text)])), ["a", ".", ":"]),
}
CASES = [pytest.param(parse, item, id=f"{name} {item!r}") for name, (parse, items) in PARSERS.items() for item in items]


def seconds(parse, text):
    best = math.inf
    gc.disable()  # as timeit does: a collection costs what else is in memory
    try:
        for _ in range(4):
            begun = time.process_time()
            for _ in range(3):
                with contextlib.suppress(ValueError, HttpError, RecursionError):
                    parse(text)
            best = min(best, time.process_time() - begun)
    finally:
        gc.enable()
    return best


def assert_linear(parse, text):
    tries = [(seconds(parse, text), seconds(parse, text + text))]
    while tries[-1][1] > 2.5 * tries[-1][0] + 2e-3 and len(tries) < 6:  # a busy machine spoils some, never all
        tries.append((seconds(parse, text), seconds(parse, text + text)))
    assert tries[-1][1] <= 2.5 * tries[-1][0] + 2e-3, tries


@pytest.mark.parametrize(("parse", "item"), CASES)
def test_twice_the_input_costs_at_most_two_and_a_half_times(parse, item):
    assert_linear(parse, item * (1_000 if parse is query_values else 20_000))


PACKED = {"lists": [[1]], "texts": ["é\u0080"], "objects": [{"a": {}}]}


@pytest.mark.parametrize("name", PACKED)
def test_bounding_the_depth_of_messagepack_is_linear(name):
    bodies = {times: msgspec.msgpack.encode(PACKED[name] * times) for times in (10_000, 20_000)}
    assert_linear(lambda text: check_packed_depth(bodies[len(text)]), "x" * 10_000)


class Item(msgspec.Struct):
    name: str
    price: int = 0


BODIES = {
    "a list whose items do not fit": lambda times: b"[" + b'{"name":1},' * times + b"{}]",
    "unknown fields": lambda times: b"[{" + b",".join(b'"f%d":1' % number for number in range(times)) + b"}]",
    "a long text": lambda times: b'[{"name":"' + b"\\u00e9" * times + b'","price":"x"}]',
    "repeated keys": lambda times: b"[{" + b'"name":1,' * times + b'"name":1}]',
    "deep": lambda times: b'[{"name":' + b"[" * times,
    "numbers": lambda times: b'[{"name":"a","price":' + b"1" * times + b"}]",
    "no JSON": lambda times: b"\x00" * times,
}


@pytest.mark.parametrize("shape", BODIES)
def test_refusing_a_body_is_linear(shape, make_app):
    from nestpy_http._schema import Schemas
    from nestpy_http._shape import Bounds
    from nestpy_http._violations import body_error

    kind = list[Item]
    schemas = Schemas(make_app().graph, Bounds(10_000, 1_000, refuse_unknown=True), strict_json=False)
    decode = schemas.decoder(kind)

    def refuse(times):
        body = BODIES[shape](len(times))
        try:
            decode(body)
        except (ValueError, RecursionError) as error:
            body_error(kind, body, error, schemas.decode_foreign, refuse_unknown=True)

    assert_linear(refuse, "x" * 20_000)

"""Headers are counted, measured and held to one host where the settings ask for it, and left alone where not."""

import pytest

from nestpy_http import controller, get
from nestpy_http._request_shape import host_name

pytestmark = pytest.mark.anyio


@controller("/")
class PlainController:
    @get("/")
    async def page(self) -> str:
        return "page"


async def status(http, *headers):
    return (await http.get("/", headers=list(headers))).status


async def test_sizes_and_framing_are_checked_when_asked_for(serving):
    async with serving(PlainController, strict_headers=True) as http:
        assert await status(http) == 200
        assert await status(http, *((f"x-{number}", "1") for number in range(99))) == 200
        assert await status(http, *((f"x-{number}", "1") for number in range(100))) == 431
        assert await status(http, ("cookie", "x" * 32000)) == 200
        assert await status(http, ("cookie", "x" * 32768)) == 431
        assert await status(http, ("content-length", "1"), ("transfer-encoding", "chunked")) == 400
        assert await status(http, ("content-length", "1"), ("content-length", "2")) == 400
        assert await status(http, ("host", "anything.example")) == 200
        assert await status(http, ("host", "a b")) == 400


async def test_they_are_left_alone_by_default(serving, make_app):
    assert "headers" not in make_app(PlainController).functions[-1].source
    async with serving(PlainController) as http:
        assert await status(http, ("cookie", "x" * 40960)) == 200
        assert await status(http, ("host", "anything.example")) == 200


async def test_only_listed_hosts_are_answered(serving):
    async with serving(PlainController, hosts=["Example.com", "*.example.org"]) as http:
        for host in ("example.com", "EXAMPLE.COM:8443", "a.example.org", "a.b.example.org"):
            assert await status(http, ("host", host)) == 200
        for host in ("localhost", "a.example.com", "example.org", "example.com.evil", "evil-example.com"):
            assert await status(http, ("host", host)) == 421
        for host in ("", "example.com/", "example.com:x", "user@example.com", "example.com, a"):
            assert await status(http, ("host", host)) == 400
        assert await status(http, ("host", "example.com"), ("host", "example.com")) == 400
        answer = await http.get("/nowhere", headers={"host": "evil"})
        assert (answer.status, answer.headers["content-type"]) == (421, "application/problem+json")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("A.example", "a.example"),
        ("a:80", "a"),
        ("[::1]:80", "[::1]"),
        ("my_service", "my_service"),
        ("[::1", None),
        ("a:", None),
        ("a\tb", None),
        ("é", None),
        ("x" * 256, None),
    ],
)
def test_a_host_is_a_name_and_perhaps_a_port(host, name):
    assert host_name(host) == name

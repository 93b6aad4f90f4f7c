"""The client's address, scheme and host come from proxies that the settings trust, and from nobody else."""

import pytest

from nestpy_http import ClientIp, Request, controller, get, post

pytestmark = pytest.mark.anyio
PROXY = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"]


@controller("/")
class WhoController:
    @get("/ip")
    async def ip(self, ip: ClientIp) -> str:
        return ip

    @get("/all")
    async def everything(self, request: Request) -> list[str]:
        return [request.client_ip, request.scheme, request.host]

    @post("/change")
    async def change(self) -> str:
        return "changed"


async def test_the_peer_is_the_client_where_nobody_is_trusted(serving):
    async with serving(WhoController) as http:
        forged = {"x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4", "x-real-ip": "1.2.3.4"}
        assert (await http.get("/ip", headers=forged)).text == "127.0.0.1"
        answer = await http.get("/all", headers={**forged, "x-forwarded-proto": "https", "x-forwarded-host": "evil"})
        assert answer.json() == ["127.0.0.1", "http", "localhost"]


async def test_a_peer_that_is_no_proxy_is_not_believed(serving):
    async with serving(WhoController, trusted_proxies=["10.0.0.0/8"]) as http:
        assert (await http.get("/ip", headers={"x-forwarded-for": "1.2.3.4"})).text == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({}, "127.0.0.1"),
        ({"x-forwarded-for": "1.2.3.4"}, "1.2.3.4"),
        ({"x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.1.1.1"}, "1.2.3.4"),
        ({"x-forwarded-for": "10.2.2.2, 10.1.1.1"}, "10.2.2.2"),
        ({"x-forwarded-for": "1.2.3.4:5678"}, "1.2.3.4"),
        ({"forwarded": 'for="[2001:db9::1]:80";proto=https'}, "2001:db9::1"),
        ({"forwarded": "for=6.6.6.6, For=1.2.3.4;by=10.0.0.1"}, "1.2.3.4"),
        ({"x-real-ip": "1.2.3.4"}, "1.2.3.4"),
        ({"x-forwarded-for": "1.2.3.4", "x-real-ip": "5.6.7.8"}, "1.2.3.4"),
        ({"x-forwarded-for": "::ffff:1.2.3.4"}, "1.2.3.4"),
        ({"forwarded": "for=1.2.3.4", "x-forwarded-for": "1.2.3.4"}, "1.2.3.4"),
        ({"forwarded": "for=1.2.3.4", "x-forwarded-for": "5.6.7.8"}, "127.0.0.1"),
        ({"x-forwarded-for": "unknown"}, "127.0.0.1"),
        ({"x-forwarded-for": "1.2.3.4, <script>"}, "127.0.0.1"),
        ({"forwarded": "for=_hidden"}, "127.0.0.1"),
        ({"x-forwarded-for": ", ".join(["10.0.0.1"] * 33)}, "127.0.0.1"),
    ],
)
async def test_the_last_address_that_is_no_proxy_is_the_client(serving, headers, client):
    async with serving(WhoController, trusted_proxies=PROXY) as http:
        assert (await http.get("/ip", headers=headers)).text == client
        assert (await http.get("/all", headers=headers)).json()[0] == client


async def test_scheme_and_host_come_with_it(serving):
    async with serving(WhoController, trusted_proxies=PROXY) as http:
        sent = {"x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example.com"}
        assert (await http.get("/all", headers=sent)).json() == ["1.2.3.4", "https", "shop.example.com"]
        sent = {"forwarded": "for=1.2.3.4;proto=https;host=shop.example.com"}
        assert (await http.get("/all", headers=sent)).json() == ["1.2.3.4", "https", "shop.example.com"]
        sent = {"x-forwarded-proto": "javascript"}
        assert (await http.get("/all", headers=sent)).json() == ["127.0.0.1", "http", "localhost"]


async def test_an_origin_is_compared_with_the_host_that_the_proxy_gives(serving):
    async with serving(WhoController, trusted_proxies=PROXY) as http:
        sent = {"cookie": "a=b", "origin": "https://shop.example.com", "x-forwarded-host": "shop.example.com"}
        assert (await http.post("/change", headers=sent)).text == "changed"


def test_what_is_no_network_does_not_boot(boot_problems):
    assert boot_problems(WhoController, trusted_proxies=["proxy.local"]) == [
        "Setting `http.trusted_proxies` must be a list of addresses and CIDR blocks."
    ]

"""A request that another site makes with the user's cookies is refused before the handler."""

import pytest

from nestpy_http import controller, delete, get, post

pytestmark = pytest.mark.anyio
COOKIE = ("cookie", "sid=1")


@controller("/account")
class AccountController:
    @get("/")
    async def read(self) -> str:
        return "read"

    @post("/")
    async def change(self) -> str:
        return "changed"

    @delete("/{number}")
    async def remove(self, number: int) -> str:
        return f"removed {number}"


def refused(answer):
    return answer.status == 403 and answer.json()["detail"] == "Another site may not send this request"


@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "cross-site"), ("origin", "http://localhost")],
        [("sec-fetch-site", "anything")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://localhost.evil.example")],
        [("origin", "http://localhost:8443")],
    ],
)
async def test_another_site_is_refused(serving, headers):
    async with serving(AccountController) as http:
        assert refused(await http.post("/account", headers=[COOKIE, *headers]))
        assert refused(await http.delete("/account/1", headers=[COOKIE, *headers]))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none")],
        [("origin", "http://localhost")],
        [("origin", "https://LOCALHOST")],
    ],
)
async def test_the_site_itself_and_clients_that_are_no_browser_pass(serving, headers):
    async with serving(AccountController) as http:
        assert (await http.post("/account", headers=[COOKIE, *headers])).text == "changed"


async def test_without_cookies_nothing_is_at_stake(serving):
    async with serving(AccountController) as http:
        assert (await http.post("/account", headers={"sec-fetch-site": "cross-site"})).text == "changed"


async def test_safe_methods_pass(serving):
    async with serving(AccountController) as http:
        assert (await http.get("/account", headers=[COOKIE, ("sec-fetch-site", "cross-site")])).text == "read"


async def test_an_origin_that_cors_lets_send_cookies_passes(serving):
    app = "https://app.example.com"
    sent = [COOKIE, ("sec-fetch-site", "cross-site"), ("origin", app)]
    async with serving(AccountController, cors_origins=[app], cors_credentials=True) as http:
        assert (await http.post("/account", headers=sent)).text == "changed"
    async with serving(AccountController, cors_origins=[app]) as http:
        assert refused(await http.post("/account", headers=sent))


async def test_it_can_be_switched_off(serving):
    async with serving(AccountController, csrf=False) as http:
        answer = await http.post("/account", headers=[COOKIE, ("sec-fetch-site", "cross-site")])
        assert answer.text == "changed"

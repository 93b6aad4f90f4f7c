"""Each default header stands on every answer, and has a setting that changes or drops it alone."""

import pytest

from nestpy_http import NotFoundError, Response, controller, get

pytestmark = pytest.mark.anyio
FIVE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PATHS = ("/json", "/page", "/nothing", "/missing", "/broken", "/nowhere", "//")


@controller("/")
class PagesController:
    @get("/json")
    async def json(self) -> dict[str, int]:
        return {"a": 1}

    @get("/page")
    async def page(self) -> Response:
        return Response("<p>", media_type="text/html; charset=utf-8")

    @get("/framed")
    async def framed(self) -> Response:
        return Response("x", headers={"X-Frame-Options": "SAMEORIGIN", "vary": "accept"})

    @get("/nothing")
    async def nothing(self) -> None: ...

    @get("/missing")
    async def missing(self) -> str:
        raise NotFoundError

    @get("/broken")
    async def broken(self) -> str:
        raise LookupError


def security(answer):
    kept = ("x-", "referrer-", "cross-", "strict-", "content-security", "permissions-")
    return {name: value for name, value in answer.headers.items() if name.startswith(kept)}


async def test_five_headers_stand_on_every_answer(serving):
    async with serving(PagesController) as http:
        for path in PATHS:
            assert security(await http.get(path)) == FIVE


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("frame_options", "x-frame-options"),
        ("referrer_policy", "referrer-policy"),
        ("opener_policy", "cross-origin-opener-policy"),
        ("resource_policy", "cross-origin-resource-policy"),
    ],
)
async def test_an_empty_setting_drops_one_header_and_another_value_replaces_it(serving, setting, name):
    async with serving(PagesController, **{setting: ""}) as http:
        for path in PATHS:
            assert security(await http.get(path)) == {key: value for key, value in FIVE.items() if key != name}
    async with serving(PagesController, **{setting: "other"}) as http:
        for path in PATHS:
            assert security(await http.get(path)) == {**FIVE, name: "other"}


async def test_more_headers_can_be_set(serving):
    more = {"content_security_policy": "default-src 'none'", "permissions_policy": "camera=()"}
    async with serving(PagesController, embedder_policy="require-corp", **more) as http:
        for path in PATHS:
            assert security(await http.get(path)) == {
                **FIVE,
                "content-security-policy": "default-src 'none'",
                "permissions-policy": "camera=()",
                "cross-origin-embedder-policy": "require-corp",
            }


async def test_lean_headers_leave_to_documents_what_only_concerns_them(serving):
    async with serving(PagesController, lean_headers=True) as http:
        assert security(await http.get("/page")) == FIVE
        for path in ("/json", "/missing", "/broken", "/nowhere"):
            assert security(await http.get(path)) == {
                "x-content-type-options": "nosniff",
                "cross-origin-resource-policy": "same-origin",
            }


async def test_hsts_is_sent_under_tls_alone(make_app, tmp_path, serving):
    async with serving(PagesController) as http:
        assert "strict-transport-security" not in (await http.get("/json")).headers
    pair = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    async with serving(PagesController, **pair) as http:
        found = (await http.get("/json")).headers["strict-transport-security"]
        assert found == "max-age=31536000; includeSubDomains"
    async with serving(PagesController, hsts="", **pair) as http:
        assert "strict-transport-security" not in (await http.get("/json")).headers


async def test_a_handler_replaces_a_default_but_adds_to_vary(serving):
    async with serving(PagesController, cors_origins=["https://app.example.com"]) as http:
        answer = await http.get("/framed")
        assert answer.headers.get_all("x-frame-options") == ["SAMEORIGIN"]
        assert answer.headers.get_all("vary") == ["accept", "origin"]


async def test_no_answer_names_the_server_or_the_framework(serving):
    async with serving(PagesController) as http:
        for path in PATHS:
            answer = await http.get(path)
            assert answer.headers["server"] == "web"
            assert "powered" not in repr(answer.headers).lower()
    async with serving(PagesController, server_header="") as http:
        assert "server" not in (await http.get("/json")).headers


def test_a_value_that_http_does_not_allow_does_not_boot(boot_problems):
    (problem,) = boot_problems(PagesController, content_security_policy="a\r\nb: c")
    assert "`content-security-policy`" in problem
